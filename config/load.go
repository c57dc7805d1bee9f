package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/sethvargo/go-envconfig"
)

// load fills the struct that target points to and returns all errors. The library
// stops at the first, so it is given one field at a time.
func load(ctx context.Context, target any, lookup Lookup) error {
	var errs []error
	from := envconfig.LookuperFunc(func(key string) (string, bool) {
		v, ok, err := find(lookup, key)
		if err != nil {
			errs = append(errs, err)
		}
		return v, ok
	})
	errs = append(errs, fill(ctx, reflect.ValueOf(target).Elem(), from)...)
	return errors.Join(errs...)
}

func fill(ctx context.Context, v reflect.Value, from envconfig.Lookuper) (errs []error) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		_, tagged := field.Tag.Lookup("env")
		if !tagged && field.Type.Kind() != reflect.Struct {
			continue // it is read otherwise
		}
		if !tagged {
			errs = append(errs, fill(ctx, v.Field(i), from)...)
			continue
		}
		one := reflect.New(reflect.StructOf([]reflect.StructField{field}))
		err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: one.Interface(), Lookuper: from})
		if err != nil {
			errs = append(errs, explain(field, err))
			continue
		}
		v.Field(i).Set(one.Elem().Field(0))
	}
	return errs
}

// explain names the variable and what is wrong with it, without its value where
// that is a secret.
func explain(field reflect.StructField, err error) error {
	name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
	if errors.Is(err, envconfig.ErrMissingRequired) {
		return fmt.Errorf("%s is not set", name)
	}
	if field.Tag.Get("secret") != "" {
		return fmt.Errorf("%s cannot be read as %s", name, field.Type)
	}
	return fmt.Errorf("%s cannot be read as %s: %w", name, field.Type, err)
}

// find looks for a variable and then for its _FILE twin. An empty variable counts
// as not set, as it does in compose files.
func find(lookup Lookup, key string) (string, bool, error) {
	if v, ok := lookup(key); ok && v != "" {
		return v, true, nil
	}
	name, ok := lookup(key + "_FILE")
	if !ok || name == "" {
		return "", false, nil
	}
	b, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return "", false, fmt.Errorf("%s_FILE: %w", key, err)
	}
	return strings.TrimSpace(string(b)), true, nil
}
