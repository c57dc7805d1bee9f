package blob

import "context"

// Clear removes all objects and unfinished uploads below a prefix, which must end in
// "/", and returns how many it has found.
func (s *Store) Clear(ctx context.Context, prefix string) (found int, err error) {
	if err := checkPrefix(prefix); err != nil {
		return 0, err
	}
	// Uploads first: one that was completed meanwhile is an object then.
	if found, err = s.AbortUploads(ctx, prefix, 0); err != nil {
		return found, err
	}
	err = s.eachPage(ctx, prefix, func(keys []string) error {
		found += len(keys)
		return s.Delete(ctx, keys...)
	})
	return found, err
}
