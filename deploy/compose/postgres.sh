# shellcheck shell=bash
# Sourced by the postgres image when it makes a new cluster. The programs get a
# role that owns their database and nothing else.
psql --username postgres --set ON_ERROR_STOP=1 --set password="$TS_DATABASE_PASSWORD" <<-'SQL'
	CREATE ROLE turboscribe LOGIN PASSWORD :'password';
	CREATE DATABASE turboscribe OWNER turboscribe;
SQL
