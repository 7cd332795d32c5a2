-- Questions about what warehouse.yaml has loaded:  psql "$DATABASE_URL" -f warehouse.sql

-- Spend by month and platform.
SELECT date_trunc('month', date)::date AS month, 'Google Ads' AS platform, sum(cost) AS cost FROM ads.google_ads GROUP BY 1
UNION ALL
SELECT date_trunc('month', date)::date, 'Facebook Ads', sum(cost) FROM ads.facebook_ads GROUP BY 1
ORDER BY month, platform;

-- How fresh is each export, and how much of it may platforms still restate?
SELECT table_schema || '.' || table_name AS "table", export, count(*) AS windows, sum(rows) AS rows,
    max(upper(covers)) - 1 AS last_day, max(fetched_at) AS newest, count(*) FILTER (WHERE NOT settled) AS unsettled
FROM sluice.windows GROUP BY 1, 2 ORDER BY 1, 2;

-- Days between the first and the last that no window covers.
SELECT held.export, held.account, day::date
FROM (
    SELECT export, account, min(lower(covers)) AS first, max(upper(covers)) - 1 AS last
    FROM sluice.windows GROUP BY export, account
) AS held, generate_series(first, last, interval '1 day') AS day
WHERE NOT EXISTS (
    SELECT FROM sluice.windows AS w
    WHERE w.export = held.export AND w.account IS NOT DISTINCT FROM held.account AND w.covers @> day::date
) ORDER BY 1, 2, 3;

-- Does every window still hold the rows that were loaded?
SELECT w.export, w.cell, w.account, w.rows AS loaded, count(t._sluice_window) AS held
FROM sluice.windows AS w LEFT JOIN ads.google_ads AS t ON t._sluice_window = w.id
WHERE w.table_name = 'google_ads' GROUP BY w.export, w.cell, w.account, w.rows
HAVING w.rows <> count(t._sluice_window) ORDER BY 1, 2, 3;

-- Where does a row come from? The API's request ids, for its support.
SELECT t.date, t.campaign, t.cost, w.fetched_at, w.run_id, w.request_ids
FROM ads.google_ads AS t JOIN sluice.windows AS w ON w.id = t._sluice_window AND w.table_name = 'google_ads'
ORDER BY t.cost DESC, t.date, t.campaign LIMIT 3;

-- The last runs.
SELECT export, run_id, began_at, ended_at - began_at AS took, complete, windows, rows
FROM sluice.runs ORDER BY began_at DESC LIMIT 10;
