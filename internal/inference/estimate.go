package inference

// Shape is what of a model's file decides how much memory it takes.
type Shape struct {
	WeightBytes int64 // of all tensors
	TiedBytes   int64 // of the token table where it is read for the output too, which keeps it twice; else 0
	CellBytes   int64 // keys and values of one token over all layers, in f16
	Vocabulary  int
	Heads       int
	LayerBytes  []int64 // of the weights, first layer first
	OutputBytes int64   // what a device takes for the output beside the layers
	// Mapped says that the file is mapped: weights in another form are kept beside it.
	Mapped bool
}

// Estimator is an Engine that says ahead of a Load what it will take.
type Estimator interface {
	// Estimate answers the most that a model of that shape takes under the spec, whose File and Progress it does not look at. Where
	// the spec leaves a choice it is of the largest that Load may choose within Spec.Room, or the least where none fits.
	Estimate(s Spec, shape Shape) Memory
	// Room answers the bytes that this process can still take, 0 = unknown.
	Room() int64
}

// Device is the memory of a GPU.
type Device struct {
	Name  string
	Total int64
	Free  int64 // for models, whoever took the rest: its head-room is left out
}

// Placer is an Engine that puts as much of a model as fits on a device.
type Placer interface {
	// Devices answers what there is now; none = models run on the processor.
	Devices() []Device
}
