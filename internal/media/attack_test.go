package media

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// attack is a file that somebody might upload to do harm.
type attack struct {
	name    string
	content []byte
}

// attacks returns all of them, the same each time: nothing is committed, everything is made
// of the recordings and of a seed. Canary and server are what playlists name.
func attacks(t *testing.T, canary, server string) []attack {
	t.Helper()
	valid := map[string][]byte{}
	for _, r := range recordings {
		valid[r.name] = read(t, generate(t, r.name, r.args...))
	}
	valid["a.amr"] = append([]byte("#!AMR\n"), bytes.Repeat(append([]byte{0x3c}, make([]byte, 31)...), 150)...)
	return slices.Concat(mutations(valid), playlists(canary, server), patches(t, valid), headers(valid), structures(), bombs(t, valid))
}

// mutations damages every accepted format in six ways.
func mutations(valid map[string][]byte) (all []attack) {
	names := make([]string, 0, len(valid))
	for name := range valid {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		dice := rand.New(rand.NewPCG(2026, uint64(i)))
		whole := valid[name]
		other := valid[names[(i+7)%len(names)]]
		at := func() int { return dice.IntN(len(whole)) }
		scatter := func(share, within int) []byte {
			b := bytes.Clone(whole)
			for range max(1, within/share) {
				b[dice.IntN(within)] = byte(dice.Uint32())
			}
			return b
		}
		all = append(
			all,
			attack{"a few bytes wrong in " + name, scatter(500, len(whole))},
			attack{"a head full of errors in " + name, scatter(8, min(len(whole), 400))},
			attack{"a hole in " + name, slices.Concat(whole[:at()/2], whole[len(whole)/2+at()/2:])},
			attack{"a part twice in " + name, slices.Concat(whole[:len(whole)/2+at()/2], whole[at()/2:])},
			attack{"another file behind " + name, slices.Concat(whole[:at()], other)},
		)
	}
	return all
}

// playlists name a file of this machine and a server, in every language that a demuxer of
// ffmpeg or a player reads. The name of each is in what it asks for.
func playlists(canary, server string) (all []attack) {
	hls := func(lines string) string {
		return "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n" + lines + "\n#EXT-X-ENDLIST\n"
	}
	for name, text := range map[string]string{
		"hls":                   hls("#EXTINF:3,\nfile://FILE"),
		"hls with a path":       hls("#EXTINF:3,\nFILE"),
		"hls from a server":     hls("#EXTINF:3,\nSERVER"),
		"hls with a key":        hls("#EXT-X-KEY:METHOD=AES-128,URI=\"SERVER\"\n#EXTINF:3,\nFILE"),
		"hls with a key file":   hls("#EXT-X-KEY:METHOD=AES-128,URI=\"file://FILE\"\n#EXTINF:3,\nFILE"),
		"hls with a map":        hls("#EXT-X-MAP:URI=\"FILE\"\n#EXTINF:3,\nFILE"),
		"hls of playlists":      "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nSERVER\n",
		"hls by subfile":        hls("#EXTINF:3,\nsubfile,,start,0,end,4000,,:FILE"),
		"hls by concat":         hls("#EXTINF:3,\nconcat:SERVER|FILE"),
		"hls by crypto":         hls("#EXTINF:3,\ncrypto+file://FILE"),
		"hls by async":          hls("#EXTINF:3,\nasync:FILE"),
		"hls by cache":          hls("#EXTINF:3,\ncache:FILE"),
		"hls by gopher":         hls("#EXTINF:3,\ngopher" + strings.TrimPrefix("SERVER", "http")),
		"hls behind a mark":     "\xef\xbb\xbf" + hls("#EXTINF:3,\nFILE"),
		"hls behind zeros":      strings.Repeat("\x00", 16) + hls("#EXTINF:3,\nFILE"),
		"hls behind an id3 tag": "ID3\x04\x00\x00\x00\x00\x00\x00" + hls("#EXTINF:3,\nFILE"),
		"hls inside a box":      string(box("free", []byte(hls("#EXTINF:3,\nFILE")))),
		"hls as data":           hls("#EXTINF:3,\ndata:audio/mpeg;base64,SUQz"),
		"m3u":                   "FILE\nSERVER\n",
		"pls":                   "[playlist]\nNumberOfEntries=2\nFile1=FILE\nFile2=SERVER\n",
		"asx":                   "<asx version=\"3.0\"><entry><ref href=\"SERVER\"/><ref href=\"file://FILE\"/></entry></asx>",
		"asf reference":         "[Reference]\r\nRef1=SERVER\r\nRef2=file://FILE\r\n",
		"smil":                  "<smil><body><audio src=\"SERVER\"/><audio src=\"file://FILE\"/></body></smil>",
		"xspf":                  "<?xml version=\"1.0\"?><playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\"><trackList><track><location>SERVER</location></track></trackList></playlist>",
		"concat":                "ffconcat version 1.0\nfile 'FILE'\n",
		"concat from a server":  "ffconcat version 1.0\nfile 'SERVER'\n",
		"concat that is binary": "ffconcat version 1.0\n#\x00\x01\x02\nfile 'FILE'\n",
		"dash":                  "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" mediaPresentationDuration=\"PT3S\"><Period><AdaptationSet mimeType=\"audio/mp4\"><Representation id=\"0\" bandwidth=\"64000\"><BaseURL>FILE</BaseURL></Representation></AdaptationSet></Period></MPD>",
		"dash from a server":    "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"><Period><AdaptationSet mimeType=\"audio/mp4\"><Representation id=\"0\" bandwidth=\"64000\"><BaseURL>SERVER</BaseURL></Representation></AdaptationSet></Period></MPD>",
		"xml entity":            "<?xml version=\"1.0\"?><!DOCTYPE MPD [<!ENTITY x SYSTEM \"file://FILE\">]><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\">&x;</MPD>",
		"sdp":                   "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=control:SERVER\r\n",
		"rtsp text":             "RTSPtextrtsp" + strings.TrimPrefix("SERVER", "http") + "\r\n",
		"avisynth":              "DirectShowSource(\"FILE\")\n",
		"matroska of chapters":  string(ebml(0x1A45DFA3, ebml(0x4282, []byte("matroska")))) + string(ebml(0x18538067, ebml(0x1549A966, ebml(0x3C83AB, []byte("FILE")), ebml(0x3E83BB, []byte("FILE"))))),
		"mov of references":     string(box("ftyp", []byte("qt  \x00\x00\x00\x00qt  "))) + string(box("moov", box("rmra", box("rmda", box("rdrf", []byte("\x00\x00\x00\x00url \x00\x00\x00\x40SERVER\x00")))))),
		"mov with data elsewhere": string(box("ftyp", []byte("qt  \x00\x00\x00\x00qt  "))) + string(box("moov", box("trak", box("mdia", box("minf", box("dinf",
			box("dref", []byte{0, 0, 0, 0, 0, 0, 0, 2}, box("url ", []byte("\x00\x00\x00\x00SERVER\x00")), box("alis", []byte("\x00\x00\x00\x00FILE\x00"))))))))),
	} {
		word := strings.ReplaceAll(name, " ", "-")
		all = append(all, attack{name, []byte(strings.NewReplacer("FILE", canary+"/"+word+".ts", "SERVER", server+"/"+word+".ts").Replace(text))})
	}
	slices.SortFunc(all, func(a, b attack) int { return strings.Compare(a.name, b.name) })
	return all
}

// patches puts one wrong number into a recording that is sound: a dimension, a rate, a
// length, a count.
func patches(t *testing.T, valid map[string][]byte) (all []attack) {
	t.Helper()
	const most = "\xff\xff\xff\xff"
	for _, p := range []struct {
		name, file, tag string
		behind          int // the tag
		value           string
	}{
		{"a picture as wide as can be", "phone.3gp", "mp4v", 28, most},
		{"a picture as wide as can be", "video.avi", "avih", 36, "\x00\x00\x01\x00\x00\x00\x01\x00"},
		{"a picture as wide as can be", "video.avi", "strf", 8, "\xff\xff\x00\x00\xff\xff\x00\x00"},
		{"a picture as wide as can be", "video.mpg", "\x00\x00\x01\xb3", 4, "\xff\xff\xff"},
		{"a thousand million samples", "a.m4a", "stsz", 12, most},
		{"samples of two gigabytes", "a.m4a", "stsz", 8, "\x7f\xff\xff\xff"},
		{"samples that last for years", "a.m4a", "stts", 12, "\x7f\xff\xff\xff"},
		{"a thousand million times", "a.m4a", "stts", 8, most},
		{"a duration without end", "a.m4a", "mvhd", 16, most},
		{"no time scale", "a.m4a", "mdhd", 16, "\x00\x00\x00\x00"},
		{"a time scale without end", "a.m4a", "mdhd", 16, most},
		{"an edit that lasts for years", "a.m4a", "elst", 12, most},
		{"an edit that begins in years", "a.m4a", "elst", 16, "\x7f\xff\xff\xff"},
		{"a thousand million edits", "a.m4a", "elst", 8, most},
		{"data beyond the end", "a.m4a", "stco", 12, most},
		{"a thousand million chunks", "a.m4a", "stco", 8, most},
		{"chunks of all samples", "a.m4a", "stsc", 16, most},
		{"a descriptor without end", "a.m4a", "esds", 9, "\xff\xff\xff\x7f"},
		{"65535 channels", "a.m4a", "mp4a", 20, "\xff\xff"},
		{"65535 channels", "pcm16.wav", "fmt ", 10, "\xff\xff"},
		{"no channel", "pcm16.wav", "fmt ", 10, "\x00\x00"},
		{"no sample rate", "pcm16.wav", "fmt ", 12, "\x00\x00\x00\x00"},
		{"a sample rate of gigahertz", "pcm16.wav", "fmt ", 12, most},
		{"a sample rate of one", "pcm16.wav", "fmt ", 12, "\x01\x00\x00\x00"},
		{"blocks of nothing", "pcm16.wav", "fmt ", 20, "\x00\x00"},
		{"65535 bits", "pcm16.wav", "fmt ", 22, "\xff\xff"},
		{"another codec", "pcm16.wav", "fmt ", 8, "\x11\x00"},
		{"four gigabytes of data", "pcm16.wav", "data", 4, most},
		{"a head without end", "pcm16.wav", "fmt ", 4, most},
		{"65535 channels", "a.aiff", "COMM", 8, "\xff\xff"},
		{"frames without end", "a.aiff", "COMM", 10, most},
		{"a rate beyond numbers", "a.aiff", "COMM", 16, "\x7f\xff" + most},
		{"a rate that is no number", "a.caf", "desc", 12, "\x7f\xf8\x00\x00\x00\x00\x00\x00"},
		{"data of less than nothing", "a.caf", "data", 4, "\xff\xff\xff\xff\xff\xff\xff\x00"},
		{"samples without end", "flac24.flac", "fLaC", 18, "\xff\xff\xff\xff\xff"},
		{"a time beyond all", "a.ogg", "OggS", 6, "\xff\xff\xff\xff\xff\xff\xff\x7f"},
		{"a time beyond all", "a.opus", "OggS", 6, "\xff\xff\xff\xff\xff\xff\xff\x7f"},
		{"no time scale", "video.mkv", "\x2a\xd7\xb1\x83", 4, "\x00\x00\x00"},
		{"a time scale without end", "video.mkv", "\x2a\xd7\xb1\x83", 4, "\xff\xff\xff"},
		{"no rate", "video.avi", "auds", 20, "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"a length without end", "video.avi", "auds", 32, most},
		{"a tag without end", "a.mp3", "ID3", 6, "\x7f\x7f\x7f\x7f"},
		{"frames without end", "a.mp3", "Info", 8, most},
		{"a tag of sixteen megabytes", "video.flv", "FLV", 14, "\xff\xff\xff"},
		{"a time beyond all", "video.flv", "FLV", 17, most},
	} {
		b := bytes.Clone(valid[p.file])
		at := bytes.Index(b, []byte(p.tag))
		if at < 0 {
			t.Fatalf("%s has no %q to patch", p.file, p.tag)
		}
		copy(b[at+p.behind:], p.value)
		all = append(all, attack{fmt.Sprintf("%s in %s (%d)", p.name, p.file, p.behind), b})
	}
	return all
}

// headers are recordings that end, or are nothing, behind their first bytes.
func headers(valid map[string][]byte) (all []attack) {
	for _, name := range []string{"pcm16.wav", "big.w64", "flac24.flac", "a.aiff", "a.caf", "a.mp3", "a.m4a", "a.ogg", "a.webm", "a.aac", "a.wma", "a.ts", "video.avi", "video.flv", "video.mpg", "a.amr"} {
		dice := rand.New(rand.NewPCG(7, uint64(len(all))))
		noise := make([]byte, 300_000)
		for i := range noise {
			noise[i] = byte(dice.Uint32())
		}
		head := valid[name][:64]
		all = append(all,
			attack{"only the head of " + name, head},
			attack{"noise behind the head of " + name, slices.Concat(head, noise)},
			attack{"nothing behind the head of " + name, slices.Concat(head, make([]byte, 300_000))})
	}
	return all
}

// structures are deeper, larger or more than any recording is.
func structures() []attack {
	nest := func(depth int, wrap func([]byte) []byte) []byte {
		b := []byte{}
		for range depth {
			b = wrap(b)
		}
		return b
	}
	ftyp := box("ftyp", []byte("isom\x00\x00\x02\x00isom"))
	head := ebml(0x1A45DFA3, ebml(0x4282, []byte("matroska")))
	huge := binary.BigEndian.AppendUint64([]byte("\x00\x00\x00\x01moov"), math.MaxInt64)
	ts := func(header string) []byte {
		return bytes.Repeat(append([]byte(header), bytes.Repeat([]byte{0xff}, 188-len(header))...), 3000)
	}
	return []attack{
		{"boxes in boxes", slices.Concat(ftyp, nest(3000, func(b []byte) []byte { return box("moov", b) }))},
		{"tracks in tracks", slices.Concat(ftyp, box("moov", nest(3000, func(b []byte) []byte { return box("trak", b) })))},
		{"user data in user data", slices.Concat(ftyp, box("moov", nest(3000, func(b []byte) []byte { return box("udta", b) })))},
		{"ten thousand tracks", slices.Concat(ftyp, box("moov", bytes.Repeat(box("trak"), 10_000)))},
		{"a box larger than all disks", slices.Concat(ftyp, huge, make([]byte, 1000))},
		{"a box without end", slices.Concat(ftyp, []byte("\x00\x00\x00\x00moov"), make([]byte, 1000))},
		{"boxes of nothing", slices.Concat(ftyp, bytes.Repeat([]byte("\x00\x00\x00\x08free"), 50_000))},
		{"tags in tags", slices.Concat(head, ebml(0x18538067, ebml(0x1254C367, ebml(0x7373, nest(2000, func(b []byte) []byte { return ebml(0x67C8, b) })))))},
		{"segments in segments", slices.Concat(head, nest(2000, func(b []byte) []byte { return ebml(0x18538067, b) }))},
		{"ten thousand matroska tracks", slices.Concat(head, ebml(0x18538067, ebml(0x1654AE6B, bytes.Repeat(ebml(0xAE, ebml(0x83, []byte{2}), ebml(0x86, []byte("A_OPUS"))), 10_000))))},
		{"chunks in chunks", slices.Concat([]byte("RIFF\xff\xff\xff\x7fWAVE"), bytes.Repeat([]byte("LIST\xff\xff\xff\x7fINFO"), 20_000))},
		{"ten thousand lists", slices.Concat([]byte("RIFF\xff\xff\xff\x7fAVI "), bytes.Repeat([]byte("LIST\x04\x00\x00\x00hdrl"), 10_000))},
		{"empty pages", bytes.Repeat([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 20_000)},
		{"a thousand streams", manyStreams(1000)},
		{"padding only", ts("\x47\x1f\xff\x10")},
		{"a program that refers to itself", ts("\x47\x40\x00\x10\x00\x00\xb0\x0d\x00\x01\xc1\x00\x00\x00\x01\xe0\x00")},
		{"synchronous bytes only", bytes.Repeat([]byte("\xff\xfb\x90\x00"), 100_000)},
		{"frames of nothing", bytes.Repeat([]byte("\xff\xf1\x50\x80\x00\xff\xfc"), 50_000)},
		{"a tag on a tag", bytes.Repeat([]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), 50_000)},
		{"metadata without end", slices.Concat([]byte("fLaC"), bytes.Repeat([]byte("\x01\x00\x00\x00"), 100_000))},
		{"metadata of sixteen megabytes", []byte("fLaC\x06\xff\xff\xff\x00\x00\x00\x03\xff\xff\xff\xff")},
		{"startcodes only", bytes.Repeat([]byte("\x00\x00\x01\xba"), 100_000)},
	}
}

// manyStreams is an ogg file in which each page begins another stream.
func manyStreams(n int) (b []byte) {
	for i := range n {
		b = append(b, "OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00"...)
		b = binary.LittleEndian.AppendUint32(b, uint32(i))
		b = append(b, "\x00\x00\x00\x00\x00\x00\x00\x00\x01\x13OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x00\x00"...)
	}
	return b
}

// bombs are small and become large.
func bombs(t *testing.T, valid map[string][]byte) []attack {
	t.Helper()
	const size = 256 << 20
	zeros := deflated(t, size)
	var zipped bytes.Buffer
	z := zip.NewWriter(&zipped)
	w, err := z.Create("a.wav")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, size/8)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var gzipped bytes.Buffer
	g := gzip.NewWriter(&gzipped)
	if _, err := g.Write(valid["pcm16.wav"]); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	packed := func(claim uint32) []byte {
		return slices.Concat(box("ftyp", []byte("qt  \x00\x00\x00\x00qt  ")), box("moov", box("cmov", box("dcom", []byte("zlib")),
			box("cmvd", binary.BigEndian.AppendUint32(nil, claim), zeros))))
	}
	compression := ebml(0x6D80, ebml(0x6240, ebml(0x5033, []byte{0}), ebml(0x5034, ebml(0x4254, []byte{0}))))
	mkv := slices.Concat(ebml(0x1A45DFA3, ebml(0x4282, []byte("matroska"))), ebml(0x18538067,
		ebml(0x1654AE6B, ebml(0xAE, ebml(0xD7, []byte{1}), ebml(0x83, []byte{2}), ebml(0x86, []byte("A_PCM/INT/LIT")), compression)),
		ebml(0x1F43B675, ebml(0xE7, []byte{0}), ebml(0xA3, []byte("\x81\x00\x00\x80"), zeros))))
	silence := read(t, generate(t, "day.flac", "-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "43200", "-c:a", "flac", "-compression_level", "0"))
	return []attack{
		{"zip", zipped.Bytes()},
		{"gzip", gzipped.Bytes()},
		{"a packed head", packed(size)},
		{"a packed head that claims to be small", packed(100)},
		{"a packed head that claims to be large", packed(math.MaxUint32)},
		{"packed blocks", mkv},
		{"a packed tag", slices.Concat([]byte("ID3\x04\x00\x00\x00\x0f\x7f\x7fTXXX\x00\x0f\x7f\x00\x00\x09\x10\x00\x00\x00"), zeros, valid["a.mp3"])},
		{"half a day of silence", silence},
	}
}

// deflated is n zeros, packed.
func deflated(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	for range n >> 20 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// box is one of the boxes that MP4 files are made of.
func box(kind string, parts ...[]byte) []byte {
	inside := slices.Concat(parts...)
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(inside)))
	return append(append(b, kind...), inside...)
}

// ebml is one of the elements that Matroska files are made of.
func ebml(id uint32, parts ...[]byte) []byte {
	inside := slices.Concat(parts...)
	b := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, id), "\x00")
	b = binary.BigEndian.AppendUint64(b, 1<<56|uint64(len(inside)))
	return append(b, inside...)
}
