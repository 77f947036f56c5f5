package prompt

// statement is a block or a piece of text; expression is what stands inside tags.
type (
	statement  interface{ exec(r *run) error }
	expression interface {
		eval(r *run) (value, error)
	}
)

type (
	dataStmt  struct{ s string }
	printStmt struct{ e expression }
	ifStmt    struct {
		test       expression
		then, rest []statement
	}
	forStmt struct {
		name        string
		list        expression
		filter      expression // nil if there is none
		body, empty []statement
	}
	setStmt struct {
		name, field string // field is "" for a plain variable
		e           expression
	}
)

type (
	literal  struct{ v value }
	variable struct{ name string }
	unary    struct {
		op string
		e  expression
	}
	binary struct {
		op   string
		a, b expression
	}
	conditional struct{ test, then, other expression } // other may be nil
	attribute   struct {
		e    expression
		name string
	}
	index struct{ e, at expression }
	slice struct{ e, from, to, step expression } // each bound may be nil
	apply struct {
		name string
		e    expression
		args []expression
	}
	check struct {
		name string
		not  bool
		e    expression
	}
	spaceCall struct {
		names []string
		args  []expression
	}
	raiseCall struct{ e expression }
	rangeCall struct{ args []expression }
	textCall  struct {
		name string
		e    expression
		args []expression
	}
)
