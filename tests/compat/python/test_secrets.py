"""azure-keyvault-secrets: every operation of SecretClient, at every version it can speak."""

import datetime
import unittest

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.secrets import ApiVersion, SecretClient

import installation as at

UTC = datetime.timezone.utc


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vault = at.make_vault("py-secrets", "Key Vault Administrator", softDeleteRetentionInDays=7)
        cls.url = f"https://{cls.vault}.vault.{at.DOMAIN}:{at.PORT}"
        cls.client = at.secrets_client(cls.vault)

    def test_set_and_get(self):
        made = self.client.set_secret(
            "described",
            "value with ä€𝄞 and\nlines",
            content_type="text/plain",
            tags={"team": "blue"},
            not_before=datetime.datetime(2020, 1, 1, tzinfo=UTC),
            expires_on=datetime.datetime(2035, 1, 2, 3, 4, 5, tzinfo=UTC),
        )
        self.assertRegex(made.id, rf"^{self.url}/secrets/described/[0-9a-f]{{32}}$")
        got = self.client.get_secret("described")
        self.assertEqual(got.value, "value with ä€𝄞 and\nlines")
        self.assertEqual(got.id, made.id)
        properties = got.properties
        self.assertEqual(properties.content_type, "text/plain")
        self.assertEqual(properties.tags, {"team": "blue"})
        self.assertEqual(properties.not_before, datetime.datetime(2020, 1, 1, tzinfo=UTC))
        self.assertEqual(properties.expires_on, datetime.datetime(2035, 1, 2, 3, 4, 5, tzinfo=UTC))
        self.assertTrue(properties.enabled)
        self.assertEqual(properties.recovery_level, "CustomizedRecoverable+Purgeable")
        self.assertEqual(properties.recoverable_days, 7)
        self.assertIsNone(properties.managed)
        self.assertEqual(properties.vault_url, self.url)
        age = datetime.datetime.now(UTC) - properties.created_on
        self.assertLess(abs(age), datetime.timedelta(minutes=5))

    def test_versions(self):
        first = self.client.set_secret("versioned", "1")
        second = self.client.set_secret("versioned", "2")
        self.assertNotEqual(first.properties.version, second.properties.version)
        self.assertEqual(self.client.get_secret("versioned").value, "2")
        self.assertEqual(self.client.get_secret("versioned", first.properties.version).value, "1")
        versions = {each.version for each in self.client.list_properties_of_secret_versions("versioned")}
        self.assertEqual(versions, {first.properties.version, second.properties.version})
        with self.assertRaises(ResourceNotFoundError):
            self.client.get_secret("versioned", "0" * 32)

    def test_update_keeps_what_it_is_not_sent(self):
        made = self.client.set_secret("updated", "x", content_type="a", tags={"one": "1"})
        self.client.update_secret_properties("updated", content_type="b")
        got = self.client.get_secret("updated")
        self.assertEqual((got.properties.content_type, got.properties.tags), ("b", {"one": "1"}))
        self.client.update_secret_properties("updated", made.properties.version, tags={"two": "2"}, enabled=True)
        got = self.client.get_secret("updated")
        self.assertEqual((got.properties.content_type, got.properties.tags), ("b", {"two": "2"}))
        self.assertEqual(got.properties.version, made.properties.version)
        self.client.update_secret_properties("updated", tags={})
        self.assertFalse(self.client.get_secret("updated").properties.tags)

    def test_a_disabled_secret_is_not_told_but_listed(self):
        self.client.set_secret("disabled", "x", enabled=False)
        with self.assertRaises(HttpResponseError) as refused:
            self.client.get_secret("disabled")
        self.assertEqual(refused.exception.status_code, 403)
        self.assertEqual(refused.exception.error.innererror["code"], "SecretDisabled")
        [listed] = [each for each in self.client.list_properties_of_secrets() if each.name == "disabled"]
        self.assertFalse(listed.enabled)

    def test_a_secret_outside_its_dates_is_still_told(self):
        past = datetime.datetime(2020, 1, 1, tzinfo=UTC)
        self.client.set_secret("expired", "still told", expires_on=past)
        self.assertEqual(self.client.get_secret("expired").value, "still told")

    def test_lists_run_over_pages(self):
        vault = at.make_vault("py-pages", "Key Vault Secrets Officer")
        client = at.secrets_client(vault)
        names = [f"page-{number:02}" for number in range(30)]
        for name in names:
            client.set_secret(name, name)
        self.assertEqual(sorted(each.name for each in client.list_properties_of_secrets()), names)
        pages = [[each.name for each in page] for page in client.list_properties_of_secrets(max_page_size=7).by_page()]
        self.assertEqual(sorted(name for page in pages for name in page), names)
        self.assertTrue(all(len(page) <= 7 for page in pages))
        token = client.list_properties_of_secrets(max_page_size=20).by_page()
        next(token)
        rest = client.list_properties_of_secrets(max_page_size=20).by_page(token.continuation_token)
        self.assertEqual(len(list(next(rest))), 10)

    def test_delete_recover_purge(self):
        made = self.client.set_secret("passing", "x")
        deleted = self.client.begin_delete_secret("passing").result()
        self.assertEqual(deleted.recovery_id, f"{self.url}/deletedsecrets/passing")
        self.assertEqual(deleted.scheduled_purge_date - deleted.deleted_date, datetime.timedelta(days=7))
        with self.assertRaises(ResourceNotFoundError):
            self.client.get_secret("passing")
        with self.assertRaises(ResourceExistsError) as conflict:
            self.client.set_secret("passing", "y")
        self.assertEqual(conflict.exception.error.innererror["code"], "ObjectIsDeletedButRecoverable")
        self.assertEqual(self.client.get_deleted_secret("passing").id, made.id)
        self.assertIn("passing", [each.name for each in self.client.list_deleted_secrets()])
        recovered = self.client.begin_recover_deleted_secret("passing").result()
        self.assertEqual(recovered.version, made.properties.version)
        self.assertEqual(self.client.get_secret("passing").value, "x")
        self.client.begin_delete_secret("passing").wait()
        self.client.purge_deleted_secret("passing")
        with self.assertRaises(ResourceNotFoundError):
            self.client.get_deleted_secret("passing")
        self.client.set_secret("passing", "new life")

    def test_backup_and_restore(self):
        first = self.client.set_secret("saved", "one", tags={"kept": "yes"})
        self.client.set_secret("saved", "two")
        backup = self.client.backup_secret("saved")
        self.assertNotIn(b"two", backup)
        with self.assertRaises(ResourceExistsError):
            self.client.restore_secret_backup(backup)
        self.client.begin_delete_secret("saved").wait()
        self.client.purge_deleted_secret("saved")
        self.assertEqual(self.client.restore_secret_backup(backup).name, "saved")
        self.assertEqual(self.client.get_secret("saved").value, "two")
        old = self.client.get_secret("saved", first.properties.version)
        self.assertEqual((old.value, old.properties.tags), ("one", {"kept": "yes"}))
        with self.assertRaises(HttpResponseError) as refused:
            self.client.restore_secret_backup(backup[:-4] + b"0000")
        self.assertEqual(refused.exception.status_code, 400)

    def test_limits(self):
        self.client.set_secret("large", "a" * 25_600)
        self.assertEqual(len(self.client.get_secret("large").value), 25_600)
        with self.assertRaises(HttpResponseError) as refused:
            self.client.set_secret("too-large", "a" * 25_601)
        self.assertEqual(refused.exception.error.code, "BadParameter")
        with self.assertRaises(HttpResponseError):
            self.client.set_secret("too-many-tags", "a", tags={str(number): "x" for number in range(16)})
        with self.assertRaises(HttpResponseError) as refused:
            self.client.set_secret("no_such_name", "a")
        self.assertEqual(refused.exception.error.code, "BadParameter")

    def test_every_version_of_the_protocol(self):
        for version in ApiVersion:
            with self.subTest(version=version.value):
                client = at.secrets_client(self.vault, api_version=version)
                name = f"v-{version.value.replace('.', '-')}"
                client.set_secret(name, version.value, tags={"a": "b"})
                self.assertEqual(client.get_secret(name).value, version.value)
                client.update_secret_properties(name, content_type="x")
                self.assertIn(name, [each.name for each in client.list_properties_of_secrets()])
                self.assertTrue(client.backup_secret(name))
                client.begin_delete_secret(name).wait()
                self.assertEqual(client.get_deleted_secret(name).name, name)
                client.purge_deleted_secret(name)

    def test_a_version_of_the_protocol_that_does_not_exist_is_refused(self):
        client = SecretClient(self.url, at.administrator(), api_version="1999-01-01")
        with self.assertRaises(HttpResponseError) as refused:
            client.get_secret("described")
        self.assertEqual(refused.exception.status_code, 400)

    def test_a_vault_that_does_not_exist_is_refused(self):
        with self.assertRaises(HttpResponseError):
            at.secrets_client("py-nowhere").get_secret("any")


if __name__ == "__main__":
    unittest.main()
