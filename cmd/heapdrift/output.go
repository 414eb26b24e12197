package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"github.com/heapdrift/heapdrift/analyzer/detect"
	"github.com/heapdrift/heapdrift/analyzer/report"
	"github.com/heapdrift/heapdrift/analyzer/snapshot"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/exit"
	"github.com/heapdrift/heapdrift/cmd/heapdrift/internal/flags"
	"github.com/heapdrift/heapdrift/gaterun"
)

// outputFlags say how a result is shown.
type outputFlags struct {
	format flags.Format
	files  flags.Outputs
	all    bool // in text, whatever there is to say
	gate   bool // all formats, and folders of files are made
}

func (o *outputFlags) bind(fs *pflag.FlagSet) {
	o.format = flags.Text
	usage := "format of the report on standard output"
	if o.gate {
		usage = "`FORMAT` of the report on standard output: text, json, markdown, junit, sarif or github"
	}
	fs.Var(&o.format, "format", usage)
	if !o.gate {
		fs.BoolVarP(&o.all, "verbose", "v", false, "in text, all findings, reasons and warnings; else what fits a screen")
	}
	fs.Var(&o.files, "output-file", "write the report to a file too; repeatable")
}

// check refuses files that cannot be written, before any work is done.
func (o *outputFlags) check() error {
	formats := flags.Formats()
	if o.gate {
		formats = flags.GateFormats()
	}
	if !slices.Contains(formats, o.format) {
		return exit.Usagef("use text, json or markdown here", "--format %s is a format of `heapdrift gate` alone", o.format)
	}
	for _, f := range o.files {
		if !slices.Contains(formats, f.Format) {
			return exit.Usagef("use text, json or markdown here", "--output-file %s=%s: %s is a format of `heapdrift gate` alone", f.Format, f.Path, f.Format)
		}
		dir := filepath.Dir(f.Path)
		if o.gate {
			continue
		}
		if info, err := os.Stat(dir); err != nil {
			return exit.Usagef("make the folder, or give another path", "--output-file %s: %w", f.Path, err)
		} else if !info.IsDir() {
			return exit.Usagef("give another path", "--output-file %s: %s is no folder", f.Path, dir)
		}
		if info, err := os.Stat(f.Path); err == nil && info.IsDir() {
			return exit.Usagef("give the path of a file in it", "--output-file %s: it is a folder", f.Path)
		}
	}
	return nil
}

// renderer writes a result in a format; color is only asked for on a terminal.
type renderer func(w io.Writer, f flags.Format, color bool) error

// emit writes a result to standard output and to the files. What can be
// written is, even where something else cannot.
func (a *app) emit(o *outputFlags, render renderer) error {
	a.progress.Done()
	var errs []error
	if err := render(a.out, o.format, a.color()); err != nil && a.out.err == nil { // a write error is told once, by run
		errs = append(errs, err)
	}
	for _, f := range o.files {
		var b bytes.Buffer
		err := render(&b, f.Format, false)
		if err == nil {
			err = gaterun.WriteWhole(f.Path, b.Bytes())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write the report to --output-file %s: %w; the verdict above stands", f.Path, err))
		}
	}
	return errors.Join(errs...)
}

// rendered is a judged run's renderer; o is of its text, but for the colour.
func rendered(run *snapshot.Run, res *detect.Result, o report.TextOptions) renderer {
	return func(w io.Writer, f flags.Format, color bool) error {
		switch f {
		case flags.JSON:
			return report.JSON(w, run, res)
		case flags.Markdown:
			return report.Markdown(w, run, res)
		}
		o := o
		o.Color = color
		return report.Text(w, run, res, o)
	}
}

// detectFlags say what a run is held against: the detector's configuration.
type detectFlags struct {
	cfg   detect.Config
	limit float64
	allow []string
}

func (d *detectFlags) bind(fs *pflag.FlagSet) {
	d.cfg = detect.DefaultConfig()
	fs.Var(flags.CleanLimit{To: &d.cfg.Clean}, "clean-below", "growth per operation that counts as none once it is bounded below this; of bytes by time too, as 10MiB/day")
	fs.Var(flags.Bytes{To: (*float64)(&d.cfg.Tolerance)}, "tolerance", "growth per operation below which nothing is a leak")
	fs.StringVar(&d.cfg.Module, "module", "", "import path `PREFIX` of your own code, for naming the culprit")
	bindAllow(fs, &d.allow)
	fs.Var(flags.Bytes{To: &d.limit}, "limit", "memory limit of the process, for the forecast, as 512MiB")
}

func bindAllow(fs *pflag.FlagSet, to *[]string) {
	fs.StringArrayVar(to, "allow", nil, "`SITE` that may grow: a pattern over the culprit's function, * being any text; it is reported and does not decide; repeatable")
}

func (d *detectFlags) config() detect.Config {
	d.cfg.Limit, d.cfg.Allow = int64(d.limit), d.allow
	return d.cfg
}
