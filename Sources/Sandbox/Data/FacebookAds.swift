extension DataSource {
    /// Facebook Ads.
    static let facebookAds = DataSource(
        id: "FA",
        name: "Facebook Ads",
        logins: [
            Login(
                user: "social@example.com",
                displayName: "Social Team",
                accounts: [
                    Account(id: "act_10152000000000001", name: "Example Social"),
                    Account(id: "10152000000000002", name: "Example 🚀 Growth", group: "Business 1"),
                    Account(id: "123", name: "Test ad account"),
                ]
            )
        ],
        fields: [
            .time("Date", "Date", .date),
            .time("yearmonth", "Year & month", .yearmonth),
            .time("year", "Year", .year),
            .dimension("profileID", "Account ID", "string.text.value", .accountID),
            .dimension("profile", "Account", "string.text.value", .accountName),
            .dimension("currency", "Currency", "string.currency.code", .currency),
            .dimension("adcampaign_id", "Campaign ID", "string.text.value", .bigID(quoted: false)),
            .dimension(
                "campaign_name",
                "Campaign name",
                "string.text.value",
                .uniqueName(["Prospecting", "Retargeting, 30d", "Lookalike 1 %", "Käyttäjät"])
            ),
            .dimension("ad_name", "Ad name", "string.text.value", .uniqueName(["Video", "Carousel", "Story"])),
            .dimension("ad_body", "Ad text", "string.text.value", .text(["Shop the look", "Only today!", "Uutta"])),
            .dimension("adset_budget_optimised", "Campaign budget on", "bool", .flag(quoted: false)),
            .dimension("targeting", "Targeting", "string.text.value", .nested),
            .dimension(
                "publisher_platform",
                "Platform",
                "string.text.value",
                .choice(["facebook", "instagram", "messenger"])
            ),
            .metric("impressions", "Impressions", "int.number.value", .integer(below: 200_000)),
            .metric("clicks", "Clicks (all)", "int.number.value", .integer(below: 8000)),
            .metric("reach", "Reach", "int.number.value", .integer(below: 150_000), isNonAggregatable: true),
            .metric("cost", "Cost", "float.currency.value", .decimal(below: 2000, places: 2)),
            .metric("cpm", "CPM", "float.currency.value", .decimal(below: 50, places: 8)),
            .metric("frequency", "Frequency", "float.number.value", .decimal(below: 10, places: 6)),
            .metric("video_watch_time", "Video watch time", "int.duration.seconds", .integer(below: 100_000)),
        ]
    )
}
