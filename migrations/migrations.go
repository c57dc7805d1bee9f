// Package migrations holds the schema of the database, one file per change.
package migrations

import "embed"

// FS holds the files, named YYYYMMDDhhmmss_name.tx.up.sql with their way back in
// .tx.down.sql. A file that has been released is never edited: the next change is
// the next file.
//
//go:embed *.sql
var FS embed.FS
