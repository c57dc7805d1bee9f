package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

const (
	root       = "/api/v1"
	authPath   = root + "/auth"
	uploadPath = root + "/files/upload"
	queuesPath = "/admin/queues"
)

// route lists every route. openapi.yaml has the same ones, which a test checks
// both ways. What knows GET knows HEAD too, which newEcho sees to.
func (s *Server) route(e *echo.Echo) {
	e.POST(authPath+"/register", s.register, small)
	e.POST(authPath+"/login", s.login, small)
	e.POST(authPath+"/refresh", s.refresh, small)
	e.POST(authPath+"/logout", s.logout, small)
	e.GET(root+"/me", s.me, small, signedIn)

	read, write := require(auth.ReadTranscriptions), require(auth.WriteTranscriptions)
	e.POST(uploadPath, s.upload, write, s.admitted)
	e.GET(root+"/transcriptions", s.listTranscriptions, small, read)
	e.GET(root+"/transcriptions/:id", s.showTranscription, small, read)
	e.GET(root+"/transcriptions/:id/history", s.showHistory, small, read)
	if s.feed != nil {
		e.GET(root+"/transcriptions/:id/events", s.followTranscription, small, read)
	}
	e.POST(root+"/transcriptions/:id/cancel", s.cancelTranscription, small, write)
	e.POST(root+"/transcriptions/:id/retry", s.retryTranscription, small, write)
	e.DELETE(root+"/transcriptions/:id", s.deleteTranscription, small, write)
	e.GET(root+"/export/:id", s.exportTranscription, small, read)

	e.GET(root+"/admin/queues", s.listQueues, small, require(auth.WatchQueues))
	e.POST(root+"/admin/queues/:name/pause", s.pauseQueue, small, require(auth.ManageQueues))
	e.POST(root+"/admin/queues/:name/resume", s.resumeQueue, small, require(auth.ManageQueues))

	hooks := root + "/webhooks"
	e.GET(hooks, s.listWebhooks, small, read)
	e.POST(hooks, s.createWebhook, small, write)
	e.POST(hooks+"/key", s.rotateKey, small, write)
	e.GET(hooks+"/deliveries", s.listDeliveries, small, read)
	e.GET(hooks+"/deliveries/:id", s.showDelivery, small, read)
	e.POST(hooks+"/deliveries/:id/replay", s.replayDelivery, small, write)
	e.GET(hooks+"/:id", s.showWebhook, small, read)
	e.PUT(hooks+"/:id", s.changeWebhook, small, write)
	e.DELETE(hooks+"/:id", s.deleteWebhook, small, write)
	e.POST(hooks+"/:id/rotate", s.rotateWebhook, small, write)
	e.POST(hooks+"/:id/test", s.testWebhook, small, write)

	e.GET(root+"/limits", s.limits, small)
	e.GET(root+"/models", s.models, small, signedIn)
	e.GET(root+"/openapi.yaml", s.document, small)

	if s.live != nil {
		e.GET("/livez", echo.WrapHandler(s.live), small)
	}
	if s.ready != nil {
		e.GET("/readyz", echo.WrapHandler(s.ready), small)
	}
	if s.queues != nil {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			e.Add(method, queuesPath, s.dashboard, small, require(auth.WatchQueues))
			e.Add(method, queuesPath+"/*", s.dashboard, small, require(auth.WatchQueues))
		}
	}
}
