// What an application does with certificates, step by step: each step prints `ok NAME`, and the first that fails ends the program.
// Go's own X.509 is the other judge, and signs as the authority outside. tests/compat/go/certificates.test.ts runs it.
package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"
)

// A caller of the vault.
type caller struct {
	context.Context
	*azcertificates.Client
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	credential, err := azidentity.NewClientSecretCredential(os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"),
		os.Getenv("AZURE_CLIENT_SECRET"), &azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true})
	exitOn("sign in", err)
	// No options: the challenge is verified.
	client, err := azcertificates.NewClient(os.Getenv("AZURE_KEYVAULT_URL"), credential, nil)
	exitOn("client", err)
	for _, step := range steps {
		exitOn(step.name, step.run(caller{ctx, client}))
		fmt.Println("ok", step.name)
	}
}

func exitOn(name string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

var steps = []struct {
	name string
	run  func(caller) error
}{
	{"made, read, changed, listed", live},
	{"signed outside and merged", merge},
	{"taken from outside", take},
	{"deleted, recovered, purged, backed up, restored", die},
	{"contacts and issuers", settings},
	{"refused", refuse},
}

func policy(issuer string) *azcertificates.CertificatePolicy {
	return &azcertificates.CertificatePolicy{
		IssuerParameters:          &azcertificates.IssuerParameters{Name: to(issuer)},
		KeyProperties:             &azcertificates.KeyProperties{KeyType: to(azcertificates.KeyTypeEC), Curve: to(azcertificates.CurveNameP256)},
		X509CertificateProperties: &azcertificates.X509CertificateProperties{Subject: to("CN=www.example.com")},
	}
}

func (c caller) create(name string, issuer string) (azcertificates.CreateCertificateResponse, error) {
	return c.CreateCertificate(c, name, azcertificates.CreateCertificateParameters{CertificatePolicy: policy(issuer)}, nil)
}

func live(c caller) error {
	started, err := c.create("whole", "Self")
	if err != nil {
		return err
	}
	operation, err := c.GetCertificateOperation(c, "whole", nil)
	if err != nil {
		return err
	}
	made, err := c.GetCertificate(c, "whole", "", nil)
	if err != nil {
		return err
	}
	parsed, err := x509.ParseCertificate(made.CER)
	if err != nil {
		return err
	}
	err = want(*started.Status == "inProgress", *operation.Status == "completed", parsed.Subject.CommonName == "www.example.com",
		parsed.NotAfter.Equal(*made.Attributes.Expires), parsed.CheckSignature(parsed.SignatureAlgorithm, parsed.RawTBSCertificate, parsed.Signature) == nil)
	if err != nil {
		return err
	}
	changed, err := c.UpdateCertificate(c, "whole", made.ID.Version(), azcertificates.UpdateCertificateParameters{
		CertificateAttributes: &azcertificates.CertificateAttributes{Enabled: to(false)}, Tags: map[string]*string{"team": to("blue")}}, nil)
	if err != nil {
		return err
	}
	shorter, err := c.UpdateCertificatePolicy(c, "whole", azcertificates.CertificatePolicy{
		X509CertificateProperties: &azcertificates.X509CertificateProperties{ValidityInMonths: to(int32(6))}}, nil)
	if err != nil {
		return err
	}
	listed := 0
	for pager := c.NewListCertificatePropertiesVersionsPager("whole", nil); pager.More(); {
		page, err := pager.NextPage(c)
		if err != nil {
			return err
		}
		listed += len(page.Value)
	}
	return want(!*changed.Attributes.Enabled, *shorter.X509CertificateProperties.ValidityInMonths == 6,
		*shorter.X509CertificateProperties.Subject == "CN=www.example.com", listed == 1)
}

func merge(c caller) error {
	started, err := c.create("merged", "Unknown")
	if err != nil {
		return err
	}
	request, err := x509.ParseCertificateRequest(started.CSR)
	if err != nil {
		return err
	}
	if err := request.CheckSignature(); err != nil {
		return err
	}
	authority, root, err := authority()
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: request.Subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	leaf, err := x509.CreateCertificate(rand.Reader, template, root, request.PublicKey, authority)
	if err != nil {
		return err
	}
	merged, err := c.MergeCertificate(c, "merged", azcertificates.MergeCertificateParameters{X509Certificates: [][]byte{leaf, root.Raw}}, nil)
	if err != nil {
		return err
	}
	if _, err := c.create("merged", "Unknown"); err != nil {
		return err
	}
	cancelled, err := c.UpdateCertificateOperation(c, "merged", azcertificates.UpdateCertificateOperationParameter{CancellationRequested: to(true)}, nil)
	if err != nil {
		return err
	}
	_, err = c.DeleteCertificateOperation(c, "merged", nil)
	return errors.Join(err, want(bytes.Equal(merged.CER, leaf), *cancelled.CancellationRequested))
}

func take(c caller) error {
	key, root, err := authority()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	taken, err := c.ImportCertificate(c, "taken", azcertificates.ImportCertificateParameters{Base64EncodedCertificate: &text,
		CertificatePolicy: &azcertificates.CertificatePolicy{SecretProperties: &azcertificates.SecretProperties{ContentType: to("application/x-pem-file")}}}, nil)
	if err != nil {
		return err
	}
	return want(bytes.Equal(taken.CER, root.Raw), *taken.Policy.IssuerParameters.Name == "Unknown")
}

func die(c caller) error {
	if _, err := c.create("life", "Self"); err != nil {
		return err
	}
	made, err := c.GetCertificate(c, "life", "", nil)
	if err != nil {
		return err
	}
	backup, err := c.BackupCertificate(c, "life", nil)
	if err != nil {
		return err
	}
	deleted, err := c.DeleteCertificate(c, "life", nil)
	if err != nil {
		return err
	}
	if _, err := c.GetDeletedCertificate(c, "life", nil); err != nil {
		return err
	}
	if _, err := c.RecoverDeletedCertificate(c, "life", nil); err != nil {
		return err
	}
	if _, err := c.DeleteCertificate(c, "life", nil); err != nil {
		return err
	}
	if _, err := c.PurgeDeletedCertificate(c, "life", nil); err != nil {
		return err
	}
	restored, err := c.RestoreCertificate(c, azcertificates.RestoreCertificateParameters{CertificateBackup: backup.Value}, nil)
	if err != nil {
		return err
	}
	return want(deleted.ScheduledPurgeDate.After(*deleted.DeletedDate), *restored.ID == *made.ID, bytes.Equal(restored.CER, made.CER))
}

func settings(c caller) error {
	contacts := azcertificates.Contacts{ContactList: []*azcertificates.Contact{{Email: to("a@example.com"), Name: to("Ann")}}}
	if _, err := c.SetContacts(c, contacts, nil); err != nil {
		return err
	}
	got, err := c.GetContacts(c, nil)
	if err != nil {
		return err
	}
	if _, err := c.DeleteContacts(c, nil); err != nil {
		return err
	}
	set := azcertificates.SetIssuerParameters{Provider: to("Test"), Credentials: &azcertificates.IssuerCredentials{AccountID: to("a"), Password: to("hidden")}}
	issuer, err := c.SetIssuer(c, "one", set, nil)
	if err != nil {
		return err
	}
	if _, err := c.DeleteIssuer(c, "one", nil); err != nil {
		return err
	}
	return want(*got.ContactList[0].Email == "a@example.com", issuer.Credentials.Password == nil, *issuer.Credentials.AccountID == "a")
}

func refuse(c caller) error {
	var refused *azcore.ResponseError
	_, err := c.GetCertificate(c, "nobody", "", nil)
	if !errors.As(err, &refused) || refused.StatusCode != 404 || refused.ErrorCode != "CertificateNotFound" {
		return fmt.Errorf("not refused: %w", err)
	}
	return nil
}

func authority() (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Root"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	root, err := x509.ParseCertificate(der)
	return key, root, err
}

func want(are ...bool) error {
	for index, is := range are {
		if !is {
			return fmt.Errorf("condition %d does not hold", index+1)
		}
	}
	return nil
}

func to[T any](value T) *T { return &value }
