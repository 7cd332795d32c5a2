extension DataSource {
    /// Google Ads.
    static let googleAds = DataSource(
        id: "AW",
        name: "Google Ads",
        logins: [
            Login(
                user: "ads@example.com",
                displayName: "Ads Team",
                accounts: [
                    Account(id: "123-456-7890", name: "Example Finland", group: "Example MCC"),
                    Account(id: "987-654-3210", name: "Example Sverige", group: "Example MCC"),
                    Account(id: "123", name: "Sandbox account"),
                ]
            ),
            Login(
                user: "agency@example.com",
                displayName: "Agency",
                accounts: [
                    Account(id: "555-000-1111", name: "Client A/B, Inc.", group: "Agency"),
                    Account(id: "555-000-2222", name: "Клиент", group: "Agency"),
                ]
            ),
        ],
        fields: [
            .time("Date", "Date", .date),
            .time("Yearmonth", "Year & month", .yearmonth),
            .time("Yearweekiso", "Year & week (ISO)", .yearweekiso),
            .time("Weekiso", "Week (ISO)", .weekiso),
            .dimension("AccountID", "Account ID", "string.text.value", .accountID),
            .dimension("Account", "Account", "string.text.value", .accountName),
            .dimension("CurrencyCode", "Currency", "string.currency.code", .currency),
            .dimension("CampaignID", "Campaign ID", "string.text.value", .bigID(quoted: true)),
            .dimension(
                "Campaign",
                "Campaign",
                "string.text.value",
                .uniqueName(["Brand", "Generic / search", "Shopping – äö", "Remarketing"])
            ),
            .dimension("AdGroup", "Ad group", "string.text.value", .uniqueName(["Exact", "Broad", "Phrase"])),
            .dimension("AdID", "Ad ID", "string.text.value", .bigID(quoted: false)),
            .dimension("Headline", "Headline", "string.text.value", .text(["Buy now", "50 % off", "Free delivery"])),
            .dimension("Description", "Headline", "string.text.value", .text(["Best prices", "Since 1898"])),
            .dimension("Device", "Device", "string.text.value", .choice(["Computers", "Mobile devices", "Tablets"])),
            .dimension("FinalURL", "Final URL", "string.text.url", .url),
            .metric("Impressions", "Impressions", "int.number.value", .integer(below: 100_000)),
            .metric("Clicks", "Clicks", "int.number.value", .integer(below: 5000)),
            .metric("Cost", "Cost", "float.currency.value", .decimal(below: 1000, places: 6)),
            .metric("Ctr", "CTR", "float.number.percentage", .decimal(below: 100, places: 4)),
            .metric("Conversions", "Conversions", "float.number.value", .decimal(below: 50, places: 2)),
        ]
    )
}
