package page

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"idarts/internal/longtest"
	"idarts/internal/queue"
)

// browser is Chromium, which is told what to do through a pipe, as its DevTools protocol has
// it.
type browser struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	id      int
	session string
}

// openBrowser opens a page of so many pixels in width.
func openBrowser(t *testing.T, url string, width int, dark bool) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no chromium here")
	}
	theirs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, theirsToo, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{theirs, theirsToo}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	theirsToo.Close()
	b := &browser{t: t, to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() { b.call("Browser.close", nil); to.Close(); from.Close(); cmd.Wait() })
	target := b.call("Target.createTarget", map[string]any{"url": "about:blank"})
	b.session = b.call("Target.attachToTarget", map[string]any{"targetId": target["targetId"], "flatten": true})["sessionId"].(string)
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}})
	b.call("Page.navigate", map[string]any{"url": url})
	return b
}

// call asks for something and gives the answer.
func (b *browser) call(method string, params map[string]any) map[string]any {
	b.t.Helper()
	b.id++
	message := map[string]any{"id": b.id, "method": method, "params": params}
	if params == nil {
		message["params"] = map[string]any{}
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	if err != nil {
		b.t.Error(err)
		return nil
	}
	for {
		text, err := b.from.ReadBytes(0)
		if err != nil {
			if method == "Browser.close" {
				return nil
			}
			b.t.Fatal("the browser is gone: ", err)
		}
		var answer struct {
			ID     int
			Result map[string]any
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text[:len(text)-1], &answer); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case answer.ID != b.id: // an event
		case answer.Error != nil:
			b.t.Fatalf("%s: %s", method, answer.Error.Message)
		default:
			return answer.Result
		}
	}
}

// value is that of an expression in the page.
func (b *browser) value(expression string) any {
	b.t.Helper()
	result := b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true})
	return result["result"].(map[string]any)["value"]
}

// until waits until an expression in the page has a value.
func (b *browser) until(expression string, want any) {
	b.t.Helper()
	var got any
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = b.value(expression); fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
	}
	b.t.Errorf("%s is %v, want %v", expression, got, want)
}

// press presses and releases a key.
func (b *browser) press(key string) {
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key, "code": key})
	}
}

// The page in a browser: states change while it is open, a run whose worker is killed shows it
// and recovers, a thousand runs are all there, keys move among them, nothing is wider than a
// phone, and light and dark are told apart.
func TestInABrowser(t *testing.T) {
	longtest.Needed(t)
	s := newShow(25, 40)
	s.set(0, running(1), 3)
	s.set(1, queue.Entry{State: queue.Failed, Error: "it diverges"}, 0)
	at := serve(t, s, papers{"table.txt": "the table of what is done"})
	b := openBrowser(t, at, 390, false)
	sign := func(i int) string {
		return fmt.Sprintf(`document.getElementById("unit-%d")?.getAttribute("aria-label")`, i)
	}
	b.until(`document.querySelectorAll("[id^=unit-]").length`, 1000)
	b.until(sign(0), "method0, seed 0: running")
	b.until(`document.querySelector(".card")?.textContent.includes("epoch 5/10")`, true)
	b.until(`document.querySelectorAll(".card polyline").length`, 1)
	b.until(`document.getElementById("failed").textContent.includes("it diverges")`, true)
	b.until(`document.getElementById("tables").textContent`, "the table of what is done")
	s.set(2, running(1), 3)
	b.until(sign(2), "method2, seed 0: running")
	s.set(0, running(1), 100)
	b.until(sign(0), "method0, seed 0: its worker is not heard of")
	b.until(`getComputedStyle(document.querySelector("#unit-0")).color`, "rgb(179, 38, 30)") // red
	b.until(`document.querySelector(".card.lost") !== null`, true)
	s.set(0, running(2), 1)
	b.until(sign(0), "method0, seed 0: running")
	s.set(2, queue.Entry{State: queue.Done}, 0)
	b.until(sign(2), "method2, seed 0: done")
	b.until(`document.getElementById("summary").textContent.startsWith("1 of 1000 runs are done")`, true)
	b.until(`document.documentElement.scrollWidth <= 390`, true)

	for end := time.Now().Add(10 * time.Second); b.value(`document.activeElement.id`) != "unit-0" && time.Now().Before(end); {
		b.press("Tab")
	}
	b.until(`document.activeElement.id`, "unit-0")
	b.press("ArrowDown")
	b.until(`document.activeElement.id`, "unit-1")
	b.until(`document.getElementById("detail").textContent.includes("it diverges")`, true)
	b.press("ArrowRight")
	b.until(`document.activeElement.id`, "unit-26")
	b.press("End")
	b.until(`document.activeElement.id`, "unit-976")

	b.until(`getComputedStyle(document.body).backgroundColor`, "rgb(252, 252, 251)")
	dark := openBrowser(t, at, 1200, true)
	dark.until(`document.querySelectorAll("[id^=unit-]").length`, 1000)
	dark.until(`getComputedStyle(document.body).backgroundColor`, "rgb(22, 22, 21)")
}
