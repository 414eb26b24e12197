package entity

import (
	"unicode/utf8"
)

// nameAt returns the kind and the number of tokens of the name that begins
// with the capitalised token i. In this order: a known place or organisation
// that is not the front of something longer, a person by title or given name, a
// run of capitals that ends in a word such as "Council" or "Bay", a known name
// as it stands, two capitals beside a word such as "said".
func (c *scanner) nameAt(i int) (Kind, int) {
	run := c.run(i)
	knownKind, known := c.knownAt(i)
	if known >= run && known > 0 {
		return knownKind, known
	}
	if stopword(c.text(i)) {
		return "", 0
	}
	if n := c.titled(i, run); n > 0 {
		return Person, n
	}
	if kind, n := c.headed(i, run); n > max(known, 1) {
		return kind, n
	}
	if n := c.person(i, run); n > known {
		return Person, n
	}
	if known > 0 {
		return knownKind, known
	}
	if run == 2 && !c.tokens[i].line && c.speaks(i+run) && c.plain(i) && c.plain(i+1) {
		return Person, run
	}
	return "", 0
}

// run returns how many capitalised words stand one space apart from token i on.
func (c *scanner) run(i int) int {
	n := 1
	for c.follows(i+n) && c.classAt(i+n) == upper && !stopword(c.text(i+n)) {
		n++
	}
	return n
}

// knownAt returns the longest known name that begins with token i.
func (c *scanner) knownAt(i int) (Kind, int) {
	longest := c.names.begins[c.text(i)]
	best, kind := 0, Kind("")
	for n := 1; n <= longest && i+n <= len(c.tokens); n++ {
		if n > 1 && !c.tokens[i+n-1].gap && !c.touches(i+n-1) {
			break
		}
		if k, ok := c.names.known[c.s[c.tokens[i].start:c.tokens[i+n-1].end]]; ok {
			best, kind = n, k
		}
	}
	return kind, best
}

// titled is the person after a title: "Dr. Maria Ivanova", "President Ruiz".
// The title is part of the mention.
func (c *scanner) titled(i, run int) int {
	j, abbreviated := i+1, false
	switch c.text(i) {
	case "Dr", "Mr", "Mrs", "Ms", "Prof", "St", "Sen", "Gov", "Gen", "Col", "Lt":
		abbreviated = true
		if c.is(j, ".") && c.touches(j) {
			j++
		}
	case "Professor", "President", "Chancellor", "Minister", "Senator", "Mayor", "Governor", "Judge", "Captain",
		"General", "Sir", "Lady", "Lord", "Dame", "King", "Queen", "Prince", "Princess", "Pope", "Miss", "Madame":
		if run < 2 {
			return 0
		}
	default:
		return 0
	}
	if !c.follows(j) || c.classAt(j) != upper || stopword(c.text(j)) {
		return 0
	}
	if !abbreviated {
		// "President of", "General Assembly": only with a name behind it.
		if _, n := c.headed(i, run); n > 1 {
			return 0
		}
		if _, n := c.knownAt(j); n > 0 {
			return 0
		}
	}
	n := c.person(j, c.run(j))
	if n == 0 {
		n = min(c.run(j), 2)
	}
	return j + n - i
}

// person is a given name with one to three capitalised words, initials or
// particles behind it: "Amira van Dijk", "John F. Kennedy".
func (c *scanner) person(i, run int) int {
	initials := c.initials(i)
	if !c.names.given[c.text(i)] && initials == 0 {
		return 0
	}
	j := i + max(initials, 1)
	surnames := 0
	for j < len(c.tokens) && c.follows(j) && surnames < 3 {
		if c.classAt(j) == upper && !stopword(c.text(j)) {
			if n := c.initials(j); n > 0 && c.follows(j+n) && c.classAt(j+n) == upper {
				j += n
				continue
			}
			if _, head := c.names.heads[c.text(j)]; head && surnames > 0 {
				break
			}
			j++
			surnames++
			continue
		}
		k := j
		for k < len(c.tokens) && k-j < 3 && c.follows(k) && particle(c.text(k)) {
			k++
		}
		if k == j || !c.follows(k) || c.classAt(k) != upper || stopword(c.text(k)) {
			break
		}
		j = k
	}
	if surnames == 0 {
		if initials > 0 || run > 1 {
			return 0
		}
		return 1
	}
	return j - i
}

// initials returns the tokens of the initials at token i: "J.", "J. R. R.".
// Without a point behind it a letter is none.
func (c *scanner) initials(i int) int {
	n := 0
	for c.classAt(i+n) == upper && utf8.RuneCountInString(c.text(i+n)) == 1 && c.is(i+n+1, ".") && c.touches(i+n+1) {
		n += 2
		if !c.follows(i+n) && !c.touches(i+n) {
			break
		}
	}
	return n
}

// headed is a run of capitals that ends in a word that says what it is
// ("Harbour Board", "Lake Street", "Acme Inc."), or such a word with "of" and
// capitals behind it ("University of Lund").
func (c *scanner) headed(i, run int) (Kind, int) {
	kind, n := Kind(""), 0
	for k := range run {
		if head, ok := c.names.heads[c.text(i+k)]; ok && (k > 0 || c.is(i+k+1, "of")) {
			kind, n = head, k+1
		}
	}
	if n == 0 {
		return "", 0
	}
	j := i + n
	if c.is(j, "of") && c.follows(j) {
		k := j + 1
		if c.is(k, "the") && c.follows(k) {
			k++
		}
		if c.follows(k) && c.classAt(k) == upper && !stopword(c.text(k)) {
			if _, known := c.knownAt(k); known > 0 {
				return kind, k + known - i
			}
			return kind, k + c.run(k) - i
		}
		if n == 1 {
			return "", 0
		}
	}
	return kind, n
}

// speaks reports whether token i, or the one after a comma there, says that
// what stands before it is a person.
func (c *scanner) speaks(i int) bool {
	if c.is(i, ",") && c.touches(i) {
		return c.is(i+1, "who")
	}
	if !c.follows(i) {
		return false
	}
	switch c.text(i) {
	case "said", "says", "told", "replied", "wrote", "argued", "added", "explained", "asked":
		return true
	}
	return false
}

// plain reports whether token i is a capital with small letters behind it.
func (c *scanner) plain(i int) bool {
	s := c.text(i)
	_, size := utf8.DecodeRuneInString(s)
	return len(s) > size && (s[size] >= 'a' && s[size] <= 'z' || s[size] >= utf8.RuneSelf)
}

func particle(s string) bool {
	switch s {
	case "van", "von", "der", "den", "de", "da", "di", "du", "del", "della", "dos", "la", "le", "bin", "ibn", "al", "zu", "ter":
		return true
	}
	return false
}

// stopword reports whether a capitalised word begins a sentence far more often
// than it begins a name.
func stopword(s string) bool {
	switch s {
	case "The", "A", "An", "In", "On", "At", "By", "For", "From", "To", "Of", "And", "Or", "But", "If", "When", "While",
		"After", "Before", "Since", "Until", "As", "It", "Its", "He", "She", "They", "We", "You", "I", "His", "Her",
		"Their", "Our", "Your", "My", "This", "That", "These", "Those", "There", "Here", "What", "Who", "Which", "Where",
		"Why", "How", "Not", "No", "Yes", "So", "Then", "Thus", "However", "Also", "Only", "Some", "Many", "Most", "All",
		"Each", "Every", "Both", "Neither", "Either", "Nor", "With", "Without", "Under", "Over", "About", "Between",
		"During", "According", "Although", "Because", "Critics", "Documents", "Is", "Are", "Was", "Were", "Be", "Has",
		"Have", "Had", "Do", "Does", "Did", "Can", "Could", "May", "Might", "Must", "Shall", "Should", "Will", "Would",
		"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Yesterday", "Today", "Tomorrow",
		"Last", "Next", "Now", "Once", "Another", "Other", "Such", "Than", "Let", "See", "Use", "Note":
		return true
	}
	return month(s)
}
