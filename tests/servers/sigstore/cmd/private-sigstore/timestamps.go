package main

import (
	"crypto"
	"encoding/asn1"
	"io"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/timestamp-authority/v2/pkg/server"
	"github.com/sigstore/timestamp-authority/v2/pkg/signer"
	"github.com/spf13/viper"
)

const policy = "1.3.6.1.4.1.57264.2"

// timestamps is the timestamp authority's own server, without its command, which also listens on port 2112. With
// its key and certificate, /at/OFFSET/api/v1/timestamp tells another time: /at/-2m/… two minutes ago, /at/1h/… in an hour.
func timestamps(mux *http.ServeMux) {
	key := newKey("tsa")
	chain, err := signer.NewTimestampingCertWithChain(key)
	check(err)
	text, err := cryptoutils.MarshalCertificatesToPEM(chain)
	check(err)
	write("tsa-chain.pem", text)
	viper.Set("timestamp-signer", "file")
	viper.Set("timestamp-signer-hash", "sha256")
	viper.Set("file-signer-key-path", path("tsa.key"))
	viper.Set("certificate-chain-path", path("tsa-chain.pem"))
	viper.Set("default-policy-oid", policy)
	viper.Set("accepted-policy-oids", []string{policy})
	mux.Handle("/api/v1/", server.NewRestAPIServer("127.0.0.1", 0, []string{"http"}, false, time.Minute, time.Minute).GetHandler())

	mux.HandleFunc("POST /at/{offset}/api/v1/timestamp", func(w http.ResponseWriter, r *http.Request) {
		offset, err := time.ParseDuration(r.PathValue("offset"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body, _ := io.ReadAll(r.Body)
		request, err := timestamp.ParseRequest(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer := timestamp.Timestamp{HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Nonce: request.Nonce,
			Time: time.Now().Add(offset).UTC(), Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, Accuracy: time.Second,
			AddTSACertificate: request.Certificates}
		der, err := answer.CreateResponseWithOpts(chain[0], key, crypto.SHA256)
		check(err)
		w.Header().Set("Content-Type", "application/timestamp-reply")
		w.Write(der)
	})
}
