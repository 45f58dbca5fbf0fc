// Makes exportable keys and releases them to the environment whose attestation is SUITE_ATTESTATION; prints each release on a line of
// its own, after the name of the key. tests/compat/go/release.test.ts runs it, and opens them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
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
	credential, err := azidentity.NewClientSecretCredential(os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"),
		os.Getenv("AZURE_CLIENT_SECRET"), &azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true})
	if err != nil {
		return err
	}
	client, err := azkeys.NewClient(os.Getenv("SUITE_VAULT_URL"), credential, nil)
	if err != nil {
		return err
	}
	parameters := azkeys.CreateKeyParameters{
		Kty:           to(azkeys.KeyTypeRSA),
		KeyAttributes: &azkeys.KeyAttributes{Exportable: to(true)},
		ReleasePolicy: &azkeys.KeyReleasePolicy{EncodedPolicy: []byte(os.Getenv("SUITE_POLICY"))},
	}
	for _, algorithm := range azkeys.PossibleKeyEncryptionAlgorithmValues() {
		name := "go-" + strings.ReplaceAll(string(algorithm), "_", "-")
		made, err := client.CreateKey(ctx, name, parameters, nil)
		if err != nil {
			return err
		}
		if !*made.Attributes.Exportable {
			return errors.New("the key is not exportable")
		}
		released, err := client.Release(ctx, name, made.Key.KID.Version(), azkeys.ReleaseParameters{
			TargetAttestationToken: to(os.Getenv("SUITE_ATTESTATION")), Algorithm: &algorithm, Nonce: to("fresh")}, nil)
		if err != nil {
			return err
		}
		fmt.Println(algorithm, *released.Value)
	}
	_, err = client.Release(ctx, "go-RSA-AES-KEY-WRAP-256", "", azkeys.ReleaseParameters{TargetAttestationToken: to("no.such.token")}, nil)
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != 403 || refused.ErrorCode != "Forbidden" {
		return fmt.Errorf("a token that is none was not refused: %v", err)
	}
	return nil
}

func to[T any](value T) *T {
	return &value
}
