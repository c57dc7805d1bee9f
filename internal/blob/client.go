package blob

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func newClient(o Options, t *http.Transport) *s3.Client {
	so := s3.Options{
		Region:       o.region(),
		UsePathStyle: o.PathStyle,
		Credentials:  credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, ""),
		HTTPClient:   &http.Client{Transport: t},
		Retryer:      retryer(),
		// Many servers refuse the trailing checksums that are the SDK's default.
		RequestChecksumCalculation:                aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation:                aws.ResponseChecksumValidationWhenRequired,
		DisableLogOutputChecksumValidationSkipped: true,
	}
	if o.Endpoint != "" {
		so.BaseEndpoint = &o.Endpoint
	}
	return s3.New(so)
}

// newSigner returns what signs addresses for others than us; nil: nobody else reaches the
// storage.
func newSigner(o Options, t *http.Transport) *s3.PresignClient {
	if o.PublicEndpoint == "" {
		return nil
	}
	o.Endpoint = o.PublicEndpoint
	return s3.NewPresignClient(newClient(o, t))
}

// retryer gives up after four attempts and a few seconds: a queue or a person
// tries again later, with more patience than a request in flight should have.
// The SDK's budget of retries over all calls is off: with it, one outage makes
// the calls after it fail at their first hiccup.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 4
		o.MaxBackoff = 2 * time.Second
		o.RateLimiter = ratelimit.None
	})
}

// answerTimeout is how long a server may think about a request that it has got. One that
// hangs would cost the whole time that a transfer may take, otherwise.
const answerTimeout = time.Minute

// transport has a limit on every wait that is not the transfer itself, which the
// context of each call bounds.
func transport(answer time.Duration, roots *x509.CertPool) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:   5 * time.Second,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: answer,
		IdleConnTimeout:       time.Minute,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   32,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // sizes and ranges are those of the stored bytes
	}
}
