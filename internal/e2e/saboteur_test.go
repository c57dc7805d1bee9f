//go:build e2e && chaos

package e2e

import (
	"errors"
	"io"
	"log" //nolint:depguard // a http.Server takes no other
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"
)

// saboteur stands before the S3 server, and passes on what it is asked unless it is told
// otherwise.
type saboteur struct {
	url    string
	server *http.Server
	served chan error
	mood   atomic.Pointer[sabotage]
}

// sabotage answers a request instead of the server, which it may ask.
type sabotage func(w http.ResponseWriter, r *http.Request, server http.Handler)

func newSaboteur(endpoint string) (*saboteur, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &saboteur{url: "http://" + listener.Addr().String(), served: make(chan error, 1)}
	s.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if mood := s.mood.Load(); mood != nil {
			(*mood)(w, r, proxy)
			return
		}
		proxy.ServeHTTP(w, r)
	}), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)} // it speaks of each answer that is cut off
	go func() { s.served <- s.server.Serve(listener) }()
	return s, nil
}

// be makes the storage misbehave; nil makes it good again.
func (s *saboteur) be(mood sabotage) {
	if mood == nil {
		s.mood.Store(nil)
		return
	}
	s.mood.Store(&mood)
}

// close breaks what still hangs.
func (s *saboteur) close() error {
	err := s.server.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// failing is a storage that is up and cannot work.
func failing(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

// hanging is one that never answers.
func hanging(_ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }

// cutting breaks every answer off after its first bytes.
func cutting(w http.ResponseWriter, r *http.Request, server http.Handler) {
	server.ServeHTTP(&cutWriter{ResponseWriter: w, left: 1000}, r)
}

// cutWriter passes on the first bytes of an answer, and breaks the connection then.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (w *cutWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p[:min(len(p), w.left)])
	if w.left -= n; err != nil || w.left > 0 {
		return n, err
	}
	if err := http.NewResponseController(w.ResponseWriter).Flush(); err != nil {
		return n, err
	}
	return n, errors.New("cut")
}
