package api

import (
	"github.com/labstack/echo/v4"

	"github.com/turboscribe/turboscribe/internal/auth"
)

const (
	root       = "/api/v1"
	authPath   = root + "/auth"
	oidcPath   = authPath + "/oidc"
	factorPath = root + "/me/second-factor"
	uploadPath = root + "/files/upload"
	mediaPath  = root + "/transcriptions/:id/media"
	adminPath  = root + "/admin"
	hooksPath  = root + "/webhooks"
	queuesPath = "/admin/queues"
)

// signInPaths are those that begin a sign-in or go on with one, or lead there by mail,
// and take no notice of the access token.
var signInPaths = []string{
	authPath + "/register", authPath + "/login", authPath + "/second-factor", authPath + "/refresh",
	authPath + "/password/forgot", authPath + "/password/reset", authPath + "/email/resend", authPath + "/email/verify",
}

// route is a row of the table that says who may do what, and how much they may send.
type route struct {
	method, path string
	handler      echo.HandlerFunc
	access       access
	body         int64 // bytes at most; streamed: the handler bounds it
}

const (
	small    = 64 << 10
	medium   = 1 << 20 // some 25,000 ids
	streamed = 0
)

// access returns the fault of whoever may not use a route.
type access func(auth.Actor) error

func anybody(auth.Actor) error { return nil }

func somebody(who auth.Actor) error { return who.Known() }

func mayEnrol(who auth.Actor) error { return who.MayEnrol() }

func signedIn(who auth.Actor) error { return who.SignedIn() }

func inPerson(who auth.Actor) error { return who.InPerson() }

// share is for people who may change what is theirs: an API key could leave itself a way in
// that outlives it.
func share(who auth.Actor) error {
	if err := who.InPerson(); err != nil {
		return err
	}
	return write(who)
}

func may(p auth.Permission) access {
	return func(who auth.Actor) error { return who.Require(p) }
}

var (
	read  = may(auth.ReadTranscriptions)
	write = may(auth.WriteTranscriptions)
)

// routes is the table of all routes. openapi.yaml has the same ones, and TestAccess every
// one of them for everybody. What knows GET knows HEAD too, which newEcho sees to.
func (s *Server) routes() []route {
	table := []route{
		{"POST", authPath + "/register", s.register, anybody, small},
		{"POST", authPath + "/login", s.login, anybody, small},
		{"POST", authPath + "/second-factor", s.finishSignIn, anybody, small},
		{"POST", authPath + "/refresh", s.refresh, anybody, small},
		{"POST", authPath + "/logout", s.logout, anybody, small},
		{"GET", authPath + "/csrf", s.csrf, somebody, small},
		{"POST", authPath + "/password/forgot", s.forgotPassword, anybody, small},
		{"POST", authPath + "/password/reset", s.resetPassword, anybody, small},
		{"POST", authPath + "/email/resend", s.resendVerification, anybody, small},
		{"POST", authPath + "/email/verify", s.verifyEmail, anybody, small},
		{"GET", "/", s.welcome, anybody, small},
		{"GET", "/account", s.accountPage, anybody, small},
		{"GET", authPath + "/providers", s.listProviders, anybody, small},
		{"GET", oidcPath + "/:provider", visited(s.beginSignIn), anybody, small},
		{"GET", oidcPath + "/:provider/callback", visited(s.arrive), anybody, small},
		{"GET", root + "/me", s.me, somebody, small},
		{"GET", root + "/me/export", s.exportMe, inPerson, small},
		{"GET", root + "/me/usage", s.usage, signedIn, small},
		{"PUT", root + "/me/password", s.changePassword, inPerson, small},
		{"PUT", root + "/me/email", s.changeEmail, inPerson, small},
		{"POST", factorPath, s.enrolFactor, mayEnrol, small},
		{"POST", factorPath + "/confirm", s.confirmFactor, mayEnrol, small},
		{"POST", factorPath + "/recovery-codes", s.renewRecoveryCodes, inPerson, small},
		{"DELETE", factorPath, s.removeFactor, inPerson, small},
		{"GET", root + "/me/identities", s.listIdentities, inPerson, small},
		{"POST", root + "/me/identities/:provider", s.beginLink, inPerson, small},
		{"DELETE", root + "/me/identities/:provider", s.removeIdentity, inPerson, small},
		{"DELETE", root + "/me", s.deleteMe, inPerson, small},
		{"GET", root + "/me/sessions", s.listSessions, inPerson, small},
		{"DELETE", root + "/me/sessions", s.endOtherSessions, inPerson, small},
		{"DELETE", root + "/me/sessions/:id", s.endSession, inPerson, small},
		{"GET", root + "/api-keys", s.listAPIKeys, inPerson, small},
		{"POST", root + "/api-keys", s.createAPIKey, inPerson, small},
		{"DELETE", root + "/api-keys/:id", s.deleteAPIKey, inPerson, small},

		{"POST", uploadPath + "-token", s.uploadToken, share, small},
		{"POST", uploadPath, s.admitted(s.upload), write, streamed},
		{"GET", root + "/transcriptions", s.listTranscriptions, read, small},
		{"GET", root + "/transcriptions/:id", s.showTranscription, read, small},
		{"POST", root + "/transcriptions/bulk", s.bulk, write, small},
		{"GET", root + "/batches", s.listBatches, read, small},
		{"POST", root + "/batches", s.createBatch, write, small},
		{"GET", root + "/batches/:id", s.showBatch, read, small},
		{"POST", root + "/batches/:id/close", s.closeBatch, write, small},
		{"POST", root + "/batches/:id/cancel", s.cancelBatch, write, small},
		{"DELETE", root + "/batches/:id", s.deleteBatch, write, small},
		{"GET", root + "/folders", s.listFolders, read, small},
		{"POST", root + "/folders", s.createFolder, write, small},
		{"PUT", root + "/folders/:id", s.changeFolder, write, small},
		{"DELETE", root + "/folders/:id", s.deleteFolder, write, small},
		{"PUT", root + "/folders/:id/retention", s.changeFolderRetention, write, small},
		{"PUT", root + "/folders/:id/hold", s.holdFolder, write, small},
		{"GET", root + "/me/retention", s.showRetention, read, small},
		{"PUT", root + "/me/retention", s.changeRetention, write, small},
		{"PUT", root + "/transcriptions/:id/hold", s.holdTranscription, write, small},
		{"PUT", root + "/transcriptions/:id", s.rewriteTranscription, write, large},
		{"PATCH", root + "/transcriptions/:id", s.editTranscription, write, large},
		{"POST", root + "/transcriptions/:id/import", s.importTranscription, write, large},
		{"GET", root + "/transcriptions/:id/revisions", s.listRevisions, read, small},
		{"GET", root + "/transcriptions/:id/revisions/:revision", s.showRevision, read, small},
		{"GET", root + "/transcriptions/:id/revisions/:revision/diff", s.diffRevision, read, small},
		{"POST", root + "/transcriptions/:id/revisions/:revision/restore", s.restoreRevision, write, small},
		{"GET", root + "/transcriptions/:id/ranges", s.listRanges, read, small},
		{"POST", root + "/transcriptions/:id/ranges", s.createRange, write, small},
		{"GET", root + "/transcriptions/:id/ranges/:range", s.showRange, read, small},
		{"POST", root + "/transcriptions/:id/ranges/:range/cancel", s.cancelRange, write, small},
		{"GET", root + "/transcriptions/:id/history", s.showHistory, read, small},
		{"POST", root + "/transcriptions/:id/cancel", s.cancelTranscription, write, small},
		{"POST", root + "/transcriptions/:id/retry", s.retryTranscription, write, small},
		{"DELETE", root + "/transcriptions/:id", s.deleteTranscription, write, small},
		{"GET", mediaPath, s.sendMedia, read, small},
		{"GET", mediaPath + "/url", s.signMedia, read, small},
		{"GET", root + "/transcriptions/:id/peaks", s.showPeaks, read, small},
		{"GET", root + "/transcriptions/:id/shares", s.listShares(targetTranscription), read, small},
		{"POST", root + "/transcriptions/:id/shares", s.createShare(targetTranscription), share, small},
		{"DELETE", root + "/transcriptions/:id/shares/:share", s.deleteShare(targetTranscription), share, small},
		{"GET", root + "/folders/:id/shares", s.listShares(targetFolder), read, small},
		{"POST", root + "/folders/:id/shares", s.createShare(targetFolder), share, small},
		{"DELETE", root + "/folders/:id/shares/:share", s.deleteShare(targetFolder), share, small},
		{"GET", root + "/transcriptions/:id/links", s.listLinks, read, small},
		{"POST", root + "/transcriptions/:id/links", s.createLink, share, small},
		{"DELETE", root + "/transcriptions/:id/links/:link", s.revokeLink, share, small},
		{"GET", guestPath, s.showSharedPage, anybody, small},
		{"POST", guestPath, s.unlockSharedPage, anybody, small},
		{"GET", sharedPath, s.showShared, anybody, small},
		{"PATCH", sharedPath, s.editShared, anybody, large},
		{"POST", sharedPath + "/unlock", s.unlockShared, anybody, small},
		{"GET", sharedPath + "/export", s.exportShared, anybody, small},
		{"GET", root + "/export/:id", s.exportTranscription, read, small},
		{"GET", root + "/exports", s.listZips, read, small},
		{"POST", root + "/exports", s.exportTranscriptions, read, medium},
		{"GET", root + "/exports/:id", s.showZip, read, small},
		{"GET", root + "/exports/:id/file", s.downloadZip, read, small},
		{"POST", root + "/exports/:id/cancel", s.cancelZip, read, small},
		{"DELETE", root + "/exports/:id", s.deleteZip, read, small},

		{"GET", adminPath + "/queues", s.listQueues, may(auth.WatchQueues), small},
		{"POST", adminPath + "/queues/:name/pause", s.pauseQueue, may(auth.ManageQueues), small},
		{"POST", adminPath + "/queues/:name/resume", s.resumeQueue, may(auth.ManageQueues), small},
		{"GET", adminPath + "/users", s.listUsers, may(auth.ReadUsers), small},
		{"GET", adminPath + "/users/:id", s.showUser, may(auth.ReadUsers), small},
		{"PATCH", adminPath + "/users/:id", s.changeUser, may(auth.ManageUsers), small},
		{"DELETE", adminPath + "/users/:id", s.deleteUser, may(auth.ManageUsers), small},
		{"DELETE", adminPath + "/users/:id/second-factor", s.resetFactor, may(auth.ManageUsers), small},
		{"PUT", adminPath + "/transcriptions/:id/hold", s.holdOfAnybody, may(auth.ManageUsers), small},
		{"GET", adminPath + "/audit", s.listAudit, may(auth.ReadAudit), small},

		{"GET", hooksPath, s.listWebhooks, read, small},
		{"POST", hooksPath, s.createWebhook, write, small},
		{"POST", hooksPath + "/key", s.rotateKey, write, small},
		{"GET", hooksPath + "/deliveries", s.listDeliveries, read, small},
		{"GET", hooksPath + "/deliveries/:id", s.showDelivery, read, small},
		{"POST", hooksPath + "/deliveries/:id/replay", s.replayDelivery, write, small},
		{"GET", hooksPath + "/:id", s.showWebhook, read, small},
		{"PUT", hooksPath + "/:id", s.changeWebhook, write, small},
		{"DELETE", hooksPath + "/:id", s.deleteWebhook, write, small},
		{"POST", hooksPath + "/:id/rotate", s.rotateWebhook, write, small},
		{"POST", hooksPath + "/:id/test", s.testWebhook, write, small},

		{"GET", root + "/receipts/:id", s.showReceipt, anybody, small},
		{"GET", root + "/limits", s.limits, anybody, small},
		{"GET", root + "/models", s.models, signedIn, small},
		{"GET", root + "/presence", s.presence, signedIn, small},
		{"GET", root + "/openapi.yaml", s.document, anybody, small},
		{"GET", root + "/schemas/transcript-1.json", s.schema, anybody, small},
	}
	return append(table, s.optional()...)
}

// optional are the routes to what this installation may do without.
func (s *Server) optional() (table []route) {
	if s.feed != nil {
		table = append(table, route{"GET", root + "/transcriptions/:id/events", s.followTranscription, read, small})
	}
	if s.live != nil {
		table = append(table, route{"GET", "/livez", echo.WrapHandler(s.live), anybody, small})
	}
	if s.ready != nil {
		table = append(table, route{"GET", "/readyz", echo.WrapHandler(s.ready), anybody, small})
	}
	if s.queues == nil {
		return table
	}
	for _, path := range []string{queuesPath, queuesPath + "/*"} {
		table = append(table,
			route{"GET", path, s.dashboard, may(auth.WatchQueues), small},
			route{"POST", path, s.intervene, may(auth.ManageQueues), small},
			route{"DELETE", path, s.intervene, may(auth.ManageQueues), small})
	}
	return table
}

// serve adds a route to the router.
func (r route) serve(e *echo.Echo) {
	e.Add(r.method, r.path, r.handler, r.bounded, r.allowed)
}

// bounded bounds the body.
func (r route) bounded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r.body != streamed {
			c.Request().Body = limited(c, r.body)
		}
		return next(c)
	}
}

// allowed lets through who may use the route. Whose token is no good is told that instead
// of being taken for nobody.
func (r route) allowed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		who, _ := c.Get(callerKey).(caller)
		err := r.access(who.actor)
		if err != nil && who.err != nil {
			return who.err
		}
		if err != nil {
			return err
		}
		return next(c)
	}
}
