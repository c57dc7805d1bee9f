package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/turboscribe/turboscribe/internal/fault"
)

const codeUnavailable = "storage_unavailable"

// fail says what was being done and gives the failure its meaning. A failure
// that the caller's own context brought about is nobody's fault.
func fail(ctx context.Context, err error, format string, args ...any) error {
	err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
	switch {
	case ctx.Err() != nil:
		return err
	case isMissing(err):
		return fault.Wrap(err, fault.NotFound, "The stored file is no longer there.").WithCode("file_not_found")
	case isOutage(err):
		return outage(err)
	default:
		return err
	}
}

func outage(err error) error {
	return fault.Wrap(err, fault.Unavailable, "The file storage does not answer at the moment. Please try again in a few minutes.").
		WithCode(codeUnavailable)
}

func isMissing(err error) bool {
	switch codeOf(err) {
	case "NoSuchKey", "NotFound":
		return true
	default:
		return false
	}
}

// isOutage reports whether the server did not answer, or answered that it
// cannot for now.
func isOutage(err error) bool {
	if _, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return true
	}
	switch codeOf(err) {
	case "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout":
		return true
	}
	switch status := statusOf(err); {
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return true
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF)
}

// codeOf returns the S3 error code in err, empty when there is none.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// statusOf returns the HTTP status in err, 0 when there was no answer.
func statusOf(err error) int {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

// reason says in a few words of one line why a check failed.
func reason(err error) string {
	switch code := codeOf(err); code {
	case "InvalidAccessKeyId", "XAdminUserNotFound": // the second is versitygw's
		return "the server does not know the access key"
	case "SignatureDoesNotMatch":
		return "the secret key does not belong to the access key"
	case "AccessDenied", "Forbidden":
		return "the access key is not allowed to"
	case "NoSuchBucket":
		return "there is no such bucket"
	}
	switch statusOf(err) {
	case http.StatusNotFound:
		return "there is no such bucket"
	case http.StatusForbidden:
		return "the access key is not allowed to"
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return oneLine(e.ErrorCode() + " " + e.ErrorMessage())
	}
	return oneLine(innermost(err).Error())
}

func innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
