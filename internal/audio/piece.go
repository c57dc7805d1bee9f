package audio

// Piece is a stretch of a recording that is worked on by itself.
//
// Start and End tile the recording: the pieces of a cut follow each other
// without gap or overlap, and a word belongs to the piece that holds its middle.
// From and To are the sound that is given on. They lie inside the tile where the
// cut fell into silence (what is left out is silence) and reach beyond it by the
// overlap where it had to fall into speech.
type Piece struct {
	Start, End Samples
	From, To   Samples
}

// Len returns the number of samples given on.
func (p Piece) Len() Samples { return p.To - p.From }
