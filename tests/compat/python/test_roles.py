"""azure-mgmt-authorization: role definitions and assignments, and that they decide."""

import unittest
import uuid

from azure.core.exceptions import HttpResponseError, ResourceExistsError
from azure.identity import ClientSecretCredential

import installation as at

USER_ROLE = "4633458b-17de-408a-b874-0445c86b69e6"


class Roles(unittest.TestCase):
    def setUp(self):
        self.client = at.roles_client()
        self.caller = at.object_id_of(at.administrator())
        self.definition = f"/subscriptions/{at.SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{USER_ROLE}"

    def test_the_built_in_key_vault_roles_are_there(self):
        definitions = list(self.client.role_definitions.list(f"/subscriptions/{at.SUBSCRIPTION}"))
        names = {definition.role_name for definition in definitions}
        for role in (
            "Key Vault Administrator",
            "Key Vault Reader",
            "Key Vault Secrets Officer",
            "Key Vault Secrets User",
            "Key Vault Crypto Officer",
            "Key Vault Crypto User",
            "Key Vault Certificates Officer",
            "Key Vault Contributor",
            "Owner",
        ):
            self.assertIn(role, names)
        [one] = self.client.role_definitions.list(at.GROUP_SCOPE, filter="roleName eq 'Key Vault Secrets User'")
        self.assertEqual(one.id, self.definition)
        self.assertEqual(self.client.role_definitions.get_by_id(self.definition).role_name, "Key Vault Secrets User")
        self.assertIn("Microsoft.KeyVault/vaults/secrets/getSecret/action", one.permissions[0].data_actions)

    def test_an_assignment_decides_at_once_and_so_does_its_removal(self):
        vault = at.make_vault("py-roles", "Key Vault Secrets Officer")
        at.secrets_client(vault).set_secret("shared", "seen")
        application = at.graph("POST", "/applications", {"displayName": "py-reader"})
        principal = at.graph("POST", "/servicePrincipals", {"appId": application["appId"], "accountEnabled": True})
        password = at.graph("POST", f"/applications/{application['id']}/addPassword", {"passwordCredential": {}})
        reader = ClientSecretCredential(at.TENANT, application["appId"], password["secretText"], **at.AUTHORITY)
        client = at.secrets_client(vault, reader)

        with self.assertRaises(HttpResponseError) as refused:
            client.get_secret("shared")
        self.assertEqual(refused.exception.status_code, 403)
        self.assertEqual(refused.exception.error.code, "Forbidden")
        self.assertIn("getSecret", refused.exception.message)

        name = str(uuid.uuid4())
        body = {"properties": {"roleDefinitionId": self.definition, "principalId": principal["id"], "principalType": "ServicePrincipal"}}
        secret_scope = f"{at.vault_scope(vault)}/secrets/shared"
        made = self.client.role_assignments.create(secret_scope, name, body)
        self.assertEqual(made.principal_id, principal["id"])
        self.assertEqual(made.role_definition_id, self.definition)
        self.assertEqual(client.get_secret("shared").value, "seen")
        at.secrets_client(vault).set_secret("other", "unseen")
        with self.assertRaises(HttpResponseError):
            client.get_secret("other")

        self.client.role_assignments.delete(secret_scope, name)
        with self.assertRaises(HttpResponseError):
            client.get_secret("shared")

    def test_assignments_are_listed_by_scope_and_by_principal(self):
        vault = at.make_vault("py-listed")
        scope = at.vault_scope(vault)
        made = at.grant("Key Vault Secrets User", scope, self.caller)
        assignments = self.client.role_assignments
        self.assertEqual(assignments.get(scope, made.name).id, made.id)
        self.assertEqual(assignments.get_by_id(made.id).principal_id, self.caller)

        def names(listed):
            return [assignment.name for assignment in listed]

        self.assertIn(made.name, names(assignments.list_for_scope(scope)))
        self.assertIn(made.name, names(assignments.list_for_scope(scope, filter="atScope()")))
        self.assertIn(made.name, names(assignments.list_for_resource_group(at.GROUP)))
        self.assertIn(made.name, names(assignments.list_for_subscription(filter=f"principalId eq '{self.caller}'")))
        self.assertNotIn(made.name, names(assignments.list_for_subscription(filter="atScope()")))
        stranger = "00000000-1111-2222-3333-444444444444"
        self.assertEqual(names(assignments.list_for_subscription(filter=f"principalId eq '{stranger}'")), [])

        self.assertEqual(assignments.delete(scope, made.name).name, made.name)
        self.assertIsNone(assignments.delete(scope, made.name))

    def test_the_same_assignment_twice_is_a_conflict(self):
        vault = at.make_vault("py-twice")
        at.grant("Key Vault Secrets User", at.vault_scope(vault), self.caller)
        with self.assertRaises(ResourceExistsError) as conflict:
            at.grant("Key Vault Secrets User", at.vault_scope(vault), self.caller)
        self.assertEqual(conflict.exception.error.code, "RoleAssignmentExists")


if __name__ == "__main__":
    unittest.main()
