package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goBlocks are the Go code blocks of a Markdown text, by the line of their start,
// without the indentation that a list gives them.
func goBlocks(text string) map[int]string {
	blocks := map[int]string{}
	start, indent := 0, ""
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case start == 0 && trimmed == "```go":
			start, indent = i+1, line[:len(line)-len(trimmed)]
		case start > 0 && trimmed == "```":
			start = 0
		case start > 0:
			blocks[start] += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return blocks
}

// notInCode are the blocks of text that stand in none of the files, by line.
func notInCode(text string, files []string) map[int]string {
	missing := goBlocks(text)
	for start, block := range missing {
		for _, content := range files {
			if strings.Contains(content, block) {
				delete(missing, start)
				break
			}
		}
	}
	return missing
}

// What the pages show of the code is the code.
func TestShownCodeIsCode(t *testing.T) {
	var files []string
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		content, err := os.ReadFile(path)
		files = append(files, string(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, page := range []string{"../../README.md", "../../CONTRIBUTING.md", "../../docs/architecture.md"} {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		shown += len(goBlocks(string(content)))
		for line, block := range notInCode(string(content), files) {
			t.Errorf("%s line %d shows what stands in no Go file:\n%s", page, line, block)
		}
	}
	if shown < 10 {
		t.Errorf("%d blocks of code found, want those of CONTRIBUTING.md", shown)
	}
}

func TestShownCodeThatIsNoneIsFound(t *testing.T) {
	text := "a\n```go\nfunc f() {}\n```\n1. b\n\n   ```go\n   \treturn 1\n   ```\n"
	missing := notInCode(text, []string{"package p\n\nfunc f() {}\n", "\treturn 2\n"})
	if len(missing) != 1 || missing[7] != "\treturn 1\n" {
		t.Errorf("%v are missing, want the second block, of line 7", missing)
	}
}
