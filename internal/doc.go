// Package internal holds TurboScribe's packages. The core knows the problem:
//
//	fault ← auth ← transcription ← pipeline
//	audio ← transcription, pipeline
//
// The edges know one technology each: api (echo), task (asynq), postgres (bun),
// kv (go-redis), blob (aws-sdk-go-v2), media (ffmpeg), whisper (whisper.cpp),
// pdf (typesetting) and daemon (signals). An edge imports the core and never another edge; the programs
// in cmd join them. arch_test.go enforces the rule.
package internal
