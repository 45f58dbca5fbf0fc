// An application as its author wrote it for the cloud: it signs in, reads a secret and prints it. Which kind of credential it
// signs in with, the vault and the secret's name are in the environment; tests/compat/go/go.test.ts sets it.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	credential, err := credentialNamed(os.Getenv("SUITE_CREDENTIAL"))
	if err != nil {
		return err
	}
	// No options: the challenge is verified.
	client, err := azsecrets.NewClient(os.Getenv("AZURE_KEYVAULT_URL"), credential, nil)
	if err != nil {
		return err
	}
	// The empty version is the newest.
	secret, err := client.GetSecret(ctx, os.Getenv("SUITE_SECRET"), "", nil)
	if err != nil {
		return err
	}
	fmt.Println(*secret.Value)
	return nil
}

// The one setting that a private authority needs is DisableInstanceDiscovery; its address is in AZURE_AUTHORITY_HOST.
func credentialNamed(name string) (azcore.TokenCredential, error) {
	tenant, client := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID")
	switch name {
	case "default":
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{DisableInstanceDiscovery: true})
	case "secret":
		return azidentity.NewClientSecretCredential(tenant, client, os.Getenv("AZURE_CLIENT_SECRET"),
			&azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true})
	case "certificate":
		data, err := os.ReadFile(os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH"))
		if err != nil {
			return nil, err
		}
		certificates, key, err := azidentity.ParseCertificates(data, nil)
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientCertificateCredential(tenant, client, certificates, key,
			&azidentity.ClientCertificateCredentialOptions{DisableInstanceDiscovery: true})
	case "workload":
		// Tenant, client and token file are in AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE.
		return azidentity.NewWorkloadIdentityCredential(
			&azidentity.WorkloadIdentityCredentialOptions{DisableInstanceDiscovery: true})
	case "managed-identity":
		return azidentity.NewManagedIdentityCredential(
			&azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(client)})
	case "machine-identity":
		return azidentity.NewManagedIdentityCredential(nil)
	default:
		return nil, fmt.Errorf("SUITE_CREDENTIAL names no kind of credential: %q", name)
	}
}
