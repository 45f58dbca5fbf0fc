import com.azure.core.credential.TokenCredential;
import com.azure.identity.ClientCertificateCredentialBuilder;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import com.azure.identity.WorkloadIdentityCredentialBuilder;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.SecretClientBuilder;

/**
 * An application as its author wrote it for the cloud: it signs in, reads a secret and prints it. Which kind of credential it
 * signs in with, the vault and the secret's name are in the environment; tests/compat/java/java.test.ts sets it.
 */
public final class ReadSecret {
    private ReadSecret() {
    }

    public static void main(String[] arguments) {
        // Nothing is switched off here: the challenge is verified.
        SecretClient client = new SecretClientBuilder()
            .vaultUrl(System.getenv("AZURE_KEYVAULT_URL"))
            .credential(credentialNamed(System.getenv("SUITE_CREDENTIAL")))
            .buildClient();
        System.out.println(client.getSecret(System.getenv("SUITE_SECRET")).getValue());
        // The SDK's pooled threads would keep the process for a minute.
        System.exit(0);
    }

    /** The one setting that a private authority needs is disableInstanceDiscovery; its address is in AZURE_AUTHORITY_HOST. */
    private static TokenCredential credentialNamed(String name) {
        String tenant = System.getenv("AZURE_TENANT_ID");
        String client = System.getenv("AZURE_CLIENT_ID");
        return switch (name) {
            case "default" -> new DefaultAzureCredentialBuilder().disableInstanceDiscovery().build();
            case "secret" -> new ClientSecretCredentialBuilder()
                .tenantId(tenant)
                .clientId(client)
                .clientSecret(System.getenv("AZURE_CLIENT_SECRET"))
                .disableInstanceDiscovery()
                .build();
            case "certificate" -> new ClientCertificateCredentialBuilder()
                .tenantId(tenant)
                .clientId(client)
                .pemCertificate(System.getenv("AZURE_CLIENT_CERTIFICATE_PATH"))
                .disableInstanceDiscovery()
                .build();
            // Tenant, client and token file are in AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE.
            case "workload" -> new WorkloadIdentityCredentialBuilder().disableInstanceDiscovery().build();
            case "managed-identity" -> new ManagedIdentityCredentialBuilder().clientId(client).build();
            case "machine-identity" -> new ManagedIdentityCredentialBuilder().build();
            default -> throw new IllegalArgumentException("SUITE_CREDENTIAL names no kind of credential: " + name);
        };
    }
}
