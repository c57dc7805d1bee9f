package whisper

// bins is how many frequencies Whisper tells apart in a frame of 400 samples.
const bins = 201

// filters sum up frequencies to the bands of the mel scale.
type filters struct {
	weights []float32 // of all frequencies in the first band, then those in the next
	spans   []int32   // of each band the first frequency that counts, and the one behind the last
}

// newFilters takes the weights of all frequencies in the first band, then those in the next.
func newFilters(weights []float32) *filters {
	f := &filters{weights: weights}
	for i := range len(weights) / bins {
		row := weights[i*bins : (i+1)*bins]
		var first, end int32 = 0, bins
		for first < end && row[first] == 0 {
			first++
		}
		for first < end && row[end-1] == 0 {
			end--
		}
		f.spans = append(f.spans, first, end)
	}
	return f
}

func (f *filters) bands() int { return len(f.spans) / 2 }
