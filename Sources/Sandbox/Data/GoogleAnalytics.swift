extension DataSource {
    /// Google Analytics 4.
    static let googleAnalytics = DataSource(
        id: "GAWA",
        name: "Google Analytics 4",
        logins: [
            Login(
                user: "analyst@example.com",
                displayName: "Anna Analyst",
                accounts: [
                    Account(id: "properties/301234567", name: "Web shop", group: "Example Oy"),
                    Account(id: "301234568", name: "Blog \"Äänet\"", group: "Example Oy"),
                    Account(id: "301234569", name: "App, iOS"),
                ]
            ),
            Login(
                user: "agency@example.com",
                displayName: "Agency",
                accounts: [
                    Account(id: "301234569", name: "App, iOS"),
                    Account(id: "123", name: "Test property"),
                ]
            ),
        ],
        fields: [
            .time("date", "Date", .date),
            .time("dateHour", "Date and hour", .datetime),
            .time("yearMonth", "Year & month", .yearmonth),
            .time("isoYearIsoWeek", "Year of week", .yearweekiso),
            .time("yearWeek", "Year of week", .yearweek),
            .time("dayOfWeek", "Day of week", .dayofweekiso),
            .dimension("property_id", "Property ID", "string.text.value", .accountID),
            .dimension("property", "Property name", "string.text.value", .accountName),
            .dimension(
                "sessionCampaign",
                "Session campaign",
                "string.text.value",
                .uniqueName(["(organic)", "Spring sale", "Kesä/ale", "newsletter"])
            ),
            .dimension(
                "sessionSourceMedium",
                "Session source / medium",
                "string.text.value",
                .choice(["google / organic", "(direct) / (none)", "google / cpc", "newsletter / email"])
            ),
            .dimension(
                "deviceCategory",
                "Device category",
                "string.text.value",
                .choice(["desktop", "mobile", "tablet"])
            ),
            .dimension(
                "country",
                "Country",
                "string.geo.country",
                .choice(["Finland", "Sweden", "Côte d’Ivoire", "日本"])
            ),
            .dimension(
                "pageTitle",
                "Page title",
                "string.text.value",
                .text(["Home", "Basket", "Tuote: lämpö", "404"])
            ),
            .dimension("landingPage", "Landing page", "string.text.url", .url),
            .metric("sessions", "Sessions", "int.number.value", .integer(below: 5000)),
            .metric("users", "Total users", "int.number.value", .integer(below: 4000), isNonAggregatable: true),
            .metric("screenPageViews", "Views", "int.number.value", .integer(below: 20_000)),
            .metric("engagementRate", "Engagement rate", "float.number.ratio", .decimal(below: 1, places: 16)),
            .metric(
                "averageSessionDuration",
                "Average session duration",
                "int.duration.seconds",
                .integer(below: 3600)
            ),
            .metric("purchaseRevenue", "Purchase revenue", "float.currency.value", .decimal(below: 10_000, places: 2)),
        ],
        segments: [("-1", "All users"), ("-2", "New users"), ("-3", "Returning users")]
    )
}
