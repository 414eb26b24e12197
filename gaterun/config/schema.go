package config

import (
	"encoding/json"
	"fmt"
)

// Schema is the JSON schema (draft 2020-12) of a configuration, made from what
// Read itself goes by. It cannot say that names must differ or that anchors
// must be there; Read can.
func Schema() ([]byte, error) {
	s := file(new(File)).draft()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "heapdrift.yaml: what heapdrift gate runs, and what it holds the runs against"
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema of the configuration: %w", err)
	}
	return append(data, '\n'), nil
}

// draft is the schema of a kind.
func (k kind) draft() map[string]any {
	switch {
	case k.items != nil:
		return map[string]any{"type": "array", "minItems": k.least, "items": k.items.draft()}
	case k.keys == nil:
		out := map[string]any{}
		for name, v := range k.schema {
			out[name] = v
		}
		return out
	}
	properties, required := map[string]any{}, []any{}
	for _, x := range k.keys {
		p := x.kind.draft()
		p["description"] = x.doc
		properties[x.name] = p
		if x.required {
			required = append(required, x.name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	var all []any
	for _, r := range k.rules {
		if r.schema != nil {
			all = append(all, r.schema)
		}
	}
	if len(all) > 0 {
		out["allOf"] = all
	}
	return out
}
