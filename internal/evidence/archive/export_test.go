package archive

// Limit has w refuse what goes beyond so many bytes.
func (w *Writer) Limit(most int64) { w.most = most }
