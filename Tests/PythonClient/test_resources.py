"""The official Python client against a sandbox whose facts are in $SANDBOX; every call crosses a real socket."""

import asyncio
import datetime
import json
import os
import time
import unittest
import urllib.request

import supermetrics
from supermetrics import SupermetricsAsyncClient, SupermetricsClient

FACTS = json.loads(os.environ["SANDBOX"])
BASE, KEY, TEAM = FACTS["base_url"], FACTS["api_key"], FACTS["team_id"]
TRANSFER, OTHER_TRANSFER = FACTS["transfer_ids"][:2]
DAY = datetime.date.fromisoformat


def poll(read, is_done, seconds=20):
    """Reads until `is_done`; fails after so many seconds."""
    end = time.monotonic() + seconds
    while not is_done(value := read()):
        if time.monotonic() > end:
            raise AssertionError(f"still {value}")
        time.sleep(0.1)
    return value


class ResourceTests(unittest.TestCase):
    def setUp(self):
        self.client = SupermetricsClient(api_key=KEY, base_url=BASE)
        self.addCleanup(self.client.close)

    # Logins

    def test_login_links(self):
        links = self.client.login_links
        made = links.create(ds_id="AW", description="For Åsa", require_username="asa@example.com")
        self.assertEqual((made.status_code, made.description, made.ds_name), ("OPEN", "For Åsa", "Google Ads"))
        self.assertGreater(made.expiry_time - made.created_time, datetime.timedelta(hours=23))
        self.assertIsNone(made.login_id)
        self.assertEqual(links.update(made.link_id, "For Eva").description, "For Eva")
        with urllib.request.urlopen(made.login_url) as page:
            self.assertEqual(page.status, 200)
        used = links.get(made.link_id)
        self.assertEqual((used.status_code, used.login_username), ("CLOSED", "asa@example.com"))
        self.assertEqual(self.client.logins.get_by_username("asa@example.com").login_id, used.login_id)
        other = links.create(ds_id="FA", redirect_url="https://example.com/back")
        links.close(other.link_id)
        self.assertEqual(links.get(other.link_id).status_code, "CLOSED")
        self.assertTrue({made.link_id, other.link_id} <= {link.link_id for link in links.list()})

    def test_logins(self):
        logins = self.client.logins
        ads = logins.get_by_username("ads@example.com")
        self.assertEqual((ads.ds_info.ds_id, ads.ds_info.name), ("AW", "Google Ads"))
        self.assertEqual(logins.get(ads.login_id).auth_user_info.email, "owner@example.com")
        accounts = logins.get_accounts(ads.login_id, offset=1, limit=1)
        self.assertEqual([account.account_id for account in accounts], ["987-654-3210"])
        agency = [login for login in logins.list() if login.username == "agency@example.com"][-1]
        logins.revoke(agency.login_id)
        self.assertNotIn(agency.login_id, {login.login_id for login in logins.list()})
        self.assertIsNotNone(logins.get(agency.login_id).revoked_time)
        with self.assertRaises(ValueError):
            logins.get_by_username("nobody@example.com")

    # Discovery and queries

    def test_accounts(self):
        every = self.client.accounts.list("AW")
        self.assertIn("123-456-7890", {account.account_id for account in every})
        one = self.client.accounts.list("AW", "ads@example.com", cache_minutes=60)
        both = self.client.accounts.list("AW", ["ads@example.com", "agency@example.com"])
        self.assertLess(len(one), len(both))
        self.assertEqual(len(both), len(every))

    def query(self, **more):
        return dict(
            ds_id="AW",
            ds_accounts=["123-456-7890", "987-654-3210"],
            fields=["Date", "Campaign", "Impressions"],
            start_date="2024-01-01",
            end_date="2024-01-03",
            **more,
        )

    def test_queries(self):
        queries = self.client.queries
        pending = queries.execute(**self.query(sync_timeout=0))
        self.assertEqual(pending.meta.status_code, "pending")
        result = poll(
            lambda: queries.get_results(pending.meta.request_id), lambda result: result.meta.status_code != "pending"
        )
        self.assertEqual(result.meta.status_code, "success")
        self.assertEqual([field.field_id for field in result.meta.query.fields], ["Date", "Campaign", "Impressions"])
        self.assertEqual(len(result.data), 1 + 3 * 2 * 10)
        held = queries.execute(**self.query(cache_minutes=60, max_rows=5, filter_="Impressions > 0"))
        self.assertEqual(len(held.data), 6)

    def test_data_source_details(self):
        for arguments in ({}, {"sm_app_id": "XPLD"}):
            source = self.client.datasource_details.get(TEAM, "GAWA", **arguments)
            self.assertEqual((source.id, source.status), ("GAWA", "Released"))
            self.assertEqual(source.report_types[0].label, "Standard report")

    # Team

    def test_teams(self):
        self.assertEqual(self.client.teams.get(TEAM).team_id, TEAM)
        self.assertIn("ADMIN", {user.role for user in self.client.teams.list_users(TEAM)})

    def test_connectors(self):
        connectors = self.client.connector_builder
        first = connectors.list(TEAM).connectors[0]
        made = connectors.create(
            TEAM, "Ääkköset & co", description="a=b", connector_identifier=first.connector_identifier
        )
        self.assertEqual((made.name, made.description), ("Ääkköset & co", "a=b"))
        read = connectors.get(TEAM, made.connector_identifier)
        original = connectors.get(TEAM, first.connector_identifier)
        self.assertEqual(read.configuration.configuration_json, original.configuration.configuration_json)
        listed = connectors.list(TEAM, include_configs=True).connectors
        self.assertIn(made.connector_identifier, {connector.connector_identifier for connector in listed})
        self.assertTrue(all("configuration" in connector.additional_properties for connector in listed))

    # Warehouse

    def test_transfers_and_runs(self):
        transfers = self.client.transfers
        self.assertEqual([info.dwh_transfer_id for info in transfers.list(TEAM)], [TRANSFER, OTHER_TRANSFER])
        self.assertEqual(transfers.get(TEAM, OTHER_TRANSFER).transfer_id, OTHER_TRANSFER)
        now = datetime.datetime.now(datetime.UTC)
        runs = transfers.list_runs(
            TEAM,
            TRANSFER,
            now - datetime.timedelta(days=30),
            now,
            sort_field="data_date",
            sort_direction="ASC",
            filter_issues_only=False,
            limit=5,
            offset=1,
        )
        self.assertEqual(len(runs), 5)
        self.assertEqual(sorted(run.data_date for run in runs), [run.data_date for run in runs])
        self.assertEqual(self.client.transfer_runs.get(TEAM, runs[0].id).data_date, runs[0].data_date)
        connection = transfers.create_datasource_connection(TEAM, "AW", "DWH_SNOWFLAKE")
        self.assertEqual(len(str(connection.connection_id)), 36)
        self.assertIsNone(connection.login_url)

    def backfill(self, client, transfer, first, last):
        """A whole life: created, watched, ended, and its runs looked at."""
        backfills = client.backfills
        made = backfills.create(TEAM, transfer, DAY(first), DAY(last))
        self.assertEqual((made.status, made.transfer_runs_created), ("CREATED", 0))
        self.assertEqual((made.range_start_date, made.range_end_date), (DAY(first), DAY(last)))
        with self.assertRaises(supermetrics.SupermetricsValidationError) as overlap:
            backfills.create(TEAM, transfer, DAY(last), DAY(last))
        self.assertEqual(overlap.exception.status_code, 422)
        identifier = made.transfer_backfill_id
        self.assertIn(identifier, {each.transfer_backfill_id for each in backfills.list_incomplete(TEAM)})
        done = poll(
            lambda: backfills.get(TEAM, identifier), lambda each: each.status in ("COMPLETED", "FAILED", "CANCELLED")
        )
        self.assertEqual(backfills.get_latest(TEAM, transfer).transfer_backfill_id, identifier)
        self.assertEqual(done.transfer_runs_created, done.transfer_runs_total)
        return done

    def test_backfills(self):
        done = self.backfill(self.client, TRANSFER, "2023-12-30", "2024-01-04")
        self.assertEqual((done.status, done.transfer_runs_completed, done.transfer_runs_failed), ("FAILED", 5, 1))
        self.assertEqual([str(error.transfer_run_date) for error in done.error_report], ["2024-01-02"])
        now = datetime.datetime.now(datetime.UTC)
        runs = self.client.transfers.list_runs(
            TEAM, TRANSFER, now - datetime.timedelta(hours=1), now + datetime.timedelta(hours=1), limit=100
        )
        failed = [run for run in runs if run.type_ == "Backfill" and run.status == "FAILED"]
        self.assertEqual([str(run.data_date) for run in failed], ["2024-01-02"])
        self.assertEqual(self.client.transfer_runs.get(TEAM, failed[0].id).failed_query_amount, 1)
        cancelled = self.client.backfills.cancel(TEAM, done.transfer_backfill_id)
        self.assertEqual(cancelled.status, "CANCELLED")
        self.assertIsNotNone(cancelled.removed_time)
        with self.assertRaises(supermetrics.SupermetricsValidationError):
            self.client.backfills.cancel(TEAM, done.transfer_backfill_id)

    def test_warehouse_base_urls(self):
        """An extra base URL for the warehouse, and the older way: one that ends in /v1."""
        days = iter([("2024-03-01", "2024-03-02"), ("2024-03-03", "2024-03-04")])
        for options in ({"base_url": BASE, "dts_base_url": BASE + "/v1"}, {"base_url": BASE + "/v1"}):
            with self.subTest(**options), SupermetricsClient(api_key=KEY, **options) as client:
                self.assertEqual(self.backfill(client, OTHER_TRANSFER, *next(days)).status, "COMPLETED")

    # Errors

    def test_errors(self):
        with self.assertRaises(supermetrics.SupermetricsAuthError), SupermetricsClient(
            api_key="api_wrong", base_url=BASE
        ) as stranger:
            stranger.logins.list()
        for call, error in [
            (lambda: self.client.login_links.get("nothing"), supermetrics.SupermetricsNotFoundError),
            (lambda: self.client.login_links.create(ds_id="XX"), supermetrics.SupermetricsValidationError),
            (lambda: self.client.logins.get("dsl_nothing"), supermetrics.SupermetricsNotFoundError),
            (lambda: self.client.accounts.list("XX"), supermetrics.SupermetricsValidationError),
            (lambda: self.client.datasource_details.get(TEAM, "XX"), supermetrics.SupermetricsNotFoundError),
            (lambda: self.client.teams.get(TEAM + 1), supermetrics.SupermetricsForbiddenError),
            (lambda: self.client.connector_builder.get(TEAM, "NOPE1"), supermetrics.SupermetricsNotFoundError),
            (lambda: self.client.transfers.get(TEAM, 999), supermetrics.SupermetricsNotFoundError),
            (lambda: self.client.backfills.get(TEAM, 1), supermetrics.SupermetricsNotFoundError),
            (
                lambda: self.client.backfills.create(TEAM, TRANSFER, DAY("2020-01-01"), DAY("2023-01-01")),
                supermetrics.SupermetricsForbiddenError,
            ),
        ]:
            with self.subTest(error=error), self.assertRaises(error):
                call()

    def test_asynchronous_client(self):
        async def calls():
            async with SupermetricsAsyncClient(api_key=KEY, base_url=BASE) as client:
                accounts, links, team, connectors, transfers, backfills = await asyncio.gather(
                    client.accounts.list("GAWA"),
                    client.login_links.list(),
                    client.teams.get(TEAM),
                    client.connector_builder.list(TEAM),
                    client.transfers.list(TEAM),
                    client.backfills.list_incomplete(TEAM),
                )
                self.assertTrue(accounts and connectors)
                self.assertEqual((team.team_id, len(transfers)), (TEAM, 2))
                self.assertIsInstance(links, list)
                self.assertIsInstance(backfills, list)

        asyncio.run(calls())


if __name__ == "__main__":
    unittest.main(verbosity=2)
