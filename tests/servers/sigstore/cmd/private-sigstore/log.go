package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/go-openapi/runtime"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	_ "github.com/sigstore/rekor/pkg/types/dsse/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/hashedrekord/v0.0.1"
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
)

// firstLog is a Rekor of version 1, whose own server wants a database and Trillian: entries are checked and made
// canonical by Rekor's code, the tree is in memory, and an entry comes back with its signed entry timestamp, inclusion
// proof and checkpoint. cosign's older signatures need it, for they have no room for entries of version 2.
func firstLog(mux *http.ServeMux, key *ecdsa.PrivateKey) {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	check(err)
	id := sha256.Sum256(spki)
	signer, err := signature.LoadECDSASignerVerifier(key, crypto.SHA256)
	check(err)
	tree := testonly.New(rfc6962.DefaultHasher)
	var lock sync.Mutex

	mux.HandleFunc("POST /api/v1/log/entries", func(w http.ResponseWriter, r *http.Request) {
		body, err := canonical(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		lock.Lock()
		defer lock.Unlock()
		tree.AppendData(body)
		size := tree.Size()
		index := int64(size - 1)
		hashes, err := tree.InclusionProof(size-1, size)
		check(err)
		checkpoint, err := util.CreateAndSignCheckpoint(r.Context(), "127.0.0.1", 1, size, tree.Hash(), signer)
		check(err)

		entry := models.LogEntryAnon{Body: base64.StdEncoding.EncodeToString(body), IntegratedTime: ptr(time.Now().Unix()),
			LogID: ptr(hex.EncodeToString(id[:])), LogIndex: &index}
		promised, err := entry.MarshalBinary()
		check(err)
		promised, err = jsoncanonicalizer.Transform(promised)
		check(err)
		promise, err := signer.SignMessage(bytes.NewReader(promised))
		check(err)
		proof := models.InclusionProof{LogIndex: &index, TreeSize: ptr(int64(size)), RootHash: ptr(hex.EncodeToString(tree.Hash())),
			Checkpoint: ptr(string(checkpoint)), Hashes: []string{}}
		for _, hash := range hashes {
			proof.Hashes = append(proof.Hashes, hex.EncodeToString(hash))
		}
		entry.Verification = &models.LogEntryAnonVerification{SignedEntryTimestamp: promise, InclusionProof: &proof}

		uuid := fmt.Sprintf("%016x%x", 1, tree.LeafHash(size-1))
		w.Header().Set("ETag", uuid)
		w.Header().Set("Location", "/api/v1/log/entries/"+uuid)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(models.LogEntry{uuid: entry})
	})
}

// canonical reads a proposed entry, lets Rekor check it, signature and all, and returns what the log keeps of it.
func canonical(r *http.Request) ([]byte, error) {
	proposed, err := models.UnmarshalProposedEntry(r.Body, runtime.JSONConsumer())
	if err != nil {
		return nil, err
	}
	entry, err := types.CreateVersionedEntry(proposed)
	if err != nil {
		return nil, err
	}
	return types.CanonicalizeEntry(context.Background(), entry)
}

func ptr[T any](value T) *T { return &value }
