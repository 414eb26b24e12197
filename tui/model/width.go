package model

import "strings"

func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-len(s))) }
