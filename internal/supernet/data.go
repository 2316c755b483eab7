package supernet

import "idarts/internal/images"

// Data is what a network must know of the images that it is for.
type Data struct {
	Size     int // height and width in pixels
	Channels int // 3 for colour images
	Classes  int
}

// DataOf describes the images of a set.
func DataOf(s *images.Set) Data { return Data{Size: s.H, Channels: s.C, Classes: s.Classes} }
