import com.azure.core.exception.HttpResponseException;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.security.keyvault.certificates.CertificateClient;
import com.azure.security.keyvault.certificates.CertificateClientBuilder;
import com.azure.security.keyvault.certificates.models.AdministratorContact;
import com.azure.security.keyvault.certificates.models.CertificateContact;
import com.azure.security.keyvault.certificates.models.CertificateContentType;
import com.azure.security.keyvault.certificates.models.CertificateIssuer;
import com.azure.security.keyvault.certificates.models.CertificateKeyCurveName;
import com.azure.security.keyvault.certificates.models.CertificateKeyType;
import com.azure.security.keyvault.certificates.models.CertificateOperation;
import com.azure.security.keyvault.certificates.models.CertificatePolicy;
import com.azure.security.keyvault.certificates.models.DeletedCertificate;
import com.azure.security.keyvault.certificates.models.ImportCertificateOptions;
import com.azure.security.keyvault.certificates.models.KeyVaultCertificateWithPolicy;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.SecretClientBuilder;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/**
 * What an application does with certificates, step by step: each step prints {@code ok NAME}, and the first that fails ends the
 * program. Java's own X.509 and key store are the other judge. tests/compat/java/certificates.test.ts runs it.
 */
public final class UseCertificates {
    private static CertificateClient client;
    private static SecretClient secrets;

    private interface Step {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        var credential = new DefaultAzureCredentialBuilder().disableInstanceDiscovery().build();
        String vault = System.getenv("AZURE_KEYVAULT_URL");
        client = new CertificateClientBuilder().vaultUrl(vault).credential(credential).buildClient();
        secrets = new SecretClientBuilder().vaultUrl(vault).credential(credential).buildClient();
        step("made, read, changed, listed", UseCertificates::live);
        step("waiting, cancelled, forgotten", UseCertificates::pending);
        step("taken from outside", UseCertificates::take);
        step("deleted, recovered, purged, backed up, restored", UseCertificates::die);
        step("contacts and issuers", UseCertificates::settings);
        step("refused", UseCertificates::refuse);
    }

    private static void step(String name, Step step) throws Exception {
        step.run();
        System.out.println("ok " + name);
    }

    private static CertificatePolicy policy(String issuer) {
        return new CertificatePolicy(issuer, "CN=www.example.com")
            .setKeyType(CertificateKeyType.EC)
            .setKeyCurveName(CertificateKeyCurveName.P_256);
    }

    private static KeyVaultCertificateWithPolicy make(String name) {
        return client.beginCreateCertificate(name, policy("Self")).getFinalResult();
    }

    private static void live() throws Exception {
        KeyVaultCertificateWithPolicy made = make("whole");
        X509Certificate parsed = parse(made.getCer());
        parsed.verify(parsed.getPublicKey());
        want(parsed.getSubjectX500Principal().getName().equals("CN=www.example.com"));
        want(parsed.getNotAfter().toInstant().equals(made.getProperties().getExpiresOn().toInstant()));
        KeyStore store = KeyStore.getInstance("PKCS12");
        byte[] pfx = Base64.getDecoder().decode(secrets.getSecret("whole").getValue());
        store.load(new ByteArrayInputStream(pfx), new char[0]);
        String alias = store.aliases().nextElement();
        want(store.getKey(alias, new char[0]) != null);
        want(store.getCertificate(alias).equals(parsed));
        client.updateCertificateProperties(made.getProperties().setEnabled(false));
        want(!client.getCertificate("whole").getProperties().isEnabled());
        CertificatePolicy shorter = client.getCertificatePolicy("whole").setValidityInMonths(6);
        want(client.updateCertificatePolicy("whole", shorter).getValidityInMonths() == 6);
        want(client.listPropertiesOfCertificateVersions("whole").stream().count() == 1);
        want(client.listPropertiesOfCertificates().stream().anyMatch(one -> one.getName().equals("whole")));
    }

    private static void pending() {
        client.beginCreateCertificate("waiting", policy("Unknown")).poll();
        CertificateOperation operation = client.getCertificateOperation("waiting").poll().getValue();
        want(operation.getStatus().equals("inProgress"));
        want(operation.getCsr().length > 100);
        client.getCertificateOperation("waiting").cancelOperation();
        want(client.deleteCertificateOperation("waiting").getStatus().equals("cancelled"));
    }

    private static void take() throws Exception {
        make("source");
        byte[] pfx = Base64.getDecoder().decode(secrets.getSecret("source").getValue());
        KeyVaultCertificateWithPolicy taken = client.importCertificate(new ImportCertificateOptions("taken", pfx));
        want(taken.getPolicy().getIssuerName().equals("Unknown"));
        CertificatePolicy pem = policy("Self").setContentType(CertificateContentType.PEM);
        KeyVaultCertificateWithPolicy text = client.beginCreateCertificate("text", pem).getFinalResult();
        byte[] value = secrets.getSecret("text").getValue().getBytes(StandardCharsets.US_ASCII);
        want(new String(value, StandardCharsets.US_ASCII).startsWith("-----BEGIN PRIVATE KEY-----"));
        ImportCertificateOptions again = new ImportCertificateOptions("again", value).setPolicy(pem);
        want(Arrays.equals(client.importCertificate(again).getCer(), text.getCer()));
    }

    private static void die() {
        KeyVaultCertificateWithPolicy made = make("life");
        byte[] backup = client.backupCertificate("life");
        DeletedCertificate deleted = client.beginDeleteCertificate("life").waitForCompletion().getValue();
        want(deleted.getScheduledPurgeDate().isAfter(deleted.getDeletedOn()));
        want(client.listDeletedCertificates().stream().anyMatch(one -> one.getName().equals("life")));
        client.beginRecoverDeletedCertificate("life").waitForCompletion();
        client.beginDeleteCertificate("life").waitForCompletion();
        client.purgeDeletedCertificate("life");
        want(client.restoreCertificateBackup(backup).getId().equals(made.getId()));
    }

    private static void settings() {
        client.setContacts(List.of(new CertificateContact().setEmail("a@example.com").setName("Ann"))).stream().count();
        want(client.listContacts().stream().count() == 1);
        client.deleteContacts().stream().count();
        CertificateIssuer issuer = new CertificateIssuer("one", "Test").setAccountId("a").setPassword("hidden")
            .setAdministratorContacts(List.of(new AdministratorContact().setEmail("a@example.com")));
        want(client.createIssuer(issuer).getPassword() == null);
        want(client.getIssuer("one").getAccountId().equals("a"));
        want(client.listPropertiesOfIssuers().stream().count() == 1);
        client.deleteIssuer("one");
    }

    private static void refuse() {
        try {
            client.getCertificate("nobody");
        } catch (HttpResponseException refusal) {
            want(refusal.getResponse().getStatusCode() == 404);
            want(refusal.getMessage().contains("CertificateNotFound"));
            return;
        }
        want(false);
    }

    private static X509Certificate parse(byte[] der) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
    }

    private static void want(boolean is) {
        if (!is) {
            throw new AssertionError("A condition does not hold.");
        }
    }
}
