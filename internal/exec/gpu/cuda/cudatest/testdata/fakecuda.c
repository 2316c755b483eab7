// A libcuda for machines without a card. It reads from the real text of the kernels
// which there are and what they take, keeps the rules of the driver, and runs the
// kernels of the same names through OpenCL. Work on a stream is done as late as it can
// be, so that who does not wait for it is found out.
//
// Rules: a context on the calling thread; no allocation, copy or waiting by a thread
// that captures; memory that is there, and is given back once; host memory of copies is
// the driver's (the real one takes any; idarts gives it no other); groups of the size
// that the text says; handles that live; new memory holds no zeros.
//
// The environment, read by cuInit while nobody has a context:
//   FAKECUDA_SOURCE      file with the kernels in OpenCL C
//   FAKECUDA_DEVICES     how many cards, 1
//   FAKECUDA_VERSION     of the driver, 12040
//   FAKECUDA_CAPABILITY  of the cards, 90
//   FAKECUDA_MEMORY      bytes of each card, 1 GiB
//   FAKECUDA_LOSE_AFTER  calls after which the card is lost, with
//   FAKECUDA_LOSE_CODE   as its error, 719
//   FAKECUDA_INIT        what cuInit answers
//
// cudatest.go builds it.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// What of OpenCL is used, so that no headers are needed.
typedef void *cl;
extern int clGetPlatformIDs(unsigned, cl *, unsigned *);
extern int clGetDeviceIDs(cl, uint64_t, unsigned, cl *, unsigned *);
extern cl clCreateContext(void *, unsigned, const cl *, void *, void *, int *);
extern cl clCreateCommandQueue(cl, cl, uint64_t, int *);
extern cl clCreateBuffer(cl, uint64_t, size_t, void *, int *);
extern int clReleaseMemObject(cl);
extern int clEnqueueFillBuffer(cl, cl, const void *, size_t, size_t, size_t, unsigned, void *, void *);
extern int clEnqueueWriteBuffer(cl, cl, unsigned, size_t, size_t, const void *, unsigned, void *, void *);
extern int clEnqueueReadBuffer(cl, cl, unsigned, size_t, size_t, void *, unsigned, void *, void *);
extern int clEnqueueNDRangeKernel(cl, cl, unsigned, const size_t *, const size_t *, const size_t *, unsigned, void *, void *);
extern cl clCreateProgramWithSource(cl, unsigned, const char **, const size_t *, int *);
extern int clBuildProgram(cl, unsigned, const cl *, const char *, void *, void *);
extern cl clCreateKernel(cl, const char *, int *);
extern int clGetKernelInfo(cl, unsigned, size_t, void *, size_t *);
extern int clSetKernelArg(cl, unsigned, size_t, const void *);
extern int clFinish(cl);

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101, INVALID_CONTEXT = 201,
	NO_BINARY = 209, INVALID_PTX = 218, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700,
	CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901 };

enum { MOST_PARAMS = 4, MOST_BYTES = 64 };
enum { FUNCTION = 0x11, MODULE, STREAM, EVENT, GRAPH, EXEC };
typedef struct { int magic; char name[64]; int params, size[MOST_PARAMS], pointer[MOST_PARAMS]; unsigned threads; cl kernel; } Function;
typedef struct { int magic; uint64_t context; int n; Function list[256]; } Module;
typedef struct { Function *f; unsigned groups; unsigned char arg[MOST_PARAMS][MOST_BYTES]; } Node;
typedef struct { int magic; uint64_t context; Node *list; int n, room; } Graph; // or an executable one
typedef struct { int magic; uint64_t context; int timed, recorded, pending; double ms; struct Stream *on; } Event;
typedef struct { enum { LAUNCH, REPLAY, TO_DEVICE, TO_HOST, RECORD } kind; Node node; Graph *graph; Event *event; uint64_t at; void *host; size_t bytes; } Op;
typedef struct Stream { int magic; uint64_t context; int capturing, broken; Graph *graph; Op *ops; int n, room; } Stream;
typedef struct { uint64_t context, at; size_t bytes; cl buffer; } Block;
typedef struct { char *at; size_t bytes; } Pinned;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static cl device, context, queue, program;
static char source_name[4096];
static int started, retained[8], cards, version, capability, dead, lose_code;
static long calls, lose_after;
static size_t memory, used[8];
static int live; // whatever has not been given back
static __thread uint64_t current;
static __thread Stream *mine; // that this thread captures
static Block blocks[1 << 16];
static int block_count;
static uint64_t next_address = 0x7f0000000000ull;
static Pinned pinned[1024];
static int pinned_count;

static void unlock(int *unused) { (void)unused; pthread_mutex_unlock(&mutex); }
#define LOCKED __attribute__((cleanup(unlock))) int locked_ = pthread_mutex_lock(&mutex); (void)locked_
#define STARTED LOCKED; if (!started) return NOT_INITIALIZED
#define NEED LOCKED; { int r_ = need(); if (r_) return r_; }
#define UNCAPTURED if (mine) { mine->broken = 1; return CAPTURE_UNSUPPORTED; }
#define HANDLE(h, kind) if (!(h) || (h)->magic != (kind)) return INVALID_HANDLE; if ((h)->context != current) return INVALID_CONTEXT

static int need(void) {
	if (!started) return NOT_INITIALIZED;
	if (!current) return INVALID_CONTEXT;
	if (!dead && lose_after >= 0 && ++calls > lose_after) dead = lose_code;
	return dead;
}
static long number(const char *name, long otherwise) {
	const char *s = getenv(name);
	return s && *s ? atol(s) : otherwise;
}
static int card(void) { return (int)(current & 7); }

int cuInit(unsigned flags) {
	LOCKED;
	if (flags) return INVALID_VALUE;
	int used_ = 0;
	for (int i = 0; i < 8; i++) used_ += retained[i];
	if (!used_) {
		int answer = (int)number("FAKECUDA_INIT", 0);
		cards = (int)number("FAKECUDA_DEVICES", 1);
		version = (int)number("FAKECUDA_VERSION", 12040);
		capability = (int)number("FAKECUDA_CAPABILITY", 90);
		memory = (size_t)number("FAKECUDA_MEMORY", 1 << 30);
		lose_after = number("FAKECUDA_LOSE_AFTER", -1);
		lose_code = (int)number("FAKECUDA_LOSE_CODE", 719);
		calls = dead = 0;
		if (answer) return answer;
		if (cards < 1 || cards > 8) return NO_DEVICE;
	}
	if (!context) {
		cl platform;
		unsigned n;
		if (clGetPlatformIDs(1, &platform, &n) || clGetDeviceIDs(platform, 0xFFFFFFFF, 1, &device, &n)) return NO_DEVICE;
		int e;
		context = clCreateContext(0, 1, &device, 0, 0, &e);
		if (e) return 999;
		queue = clCreateCommandQueue(context, device, 0, &e);
		if (e) return 999;
	}
	started = 1;
	return OK;
}
int cuDriverGetVersion(int *v) { LOCKED; *v = version; return OK; }
int cuDeviceGetCount(int *n) { STARTED; *n = cards; return OK; }
int cuDeviceGet(int *d, int i) { STARTED; if (i < 0 || i >= cards) return INVALID_DEVICE; *d = i; return OK; }
int cuDeviceGetName(char *s, int n, int d) {
	STARTED;
	if (d < 0 || d >= cards) return INVALID_DEVICE;
	snprintf(s, (size_t)n, "no card %d (a driver for tests, over OpenCL)", d);
	return OK;
}
int cuDeviceGetAttribute(int *v, int what, int d) {
	STARTED;
	if (d < 0 || d >= cards) return INVALID_DEVICE;
	if (what != 75 && what != 76) return INVALID_VALUE;
	*v = what == 75 ? capability / 10 : capability % 10;
	return OK;
}
int cuDeviceTotalMem_v2(size_t *n, int d) { STARTED; if (d < 0 || d >= cards) return INVALID_DEVICE; *n = memory; return OK; }
int cuDevicePrimaryCtxRetain(uint64_t *c, int d) {
	STARTED;
	if (d < 0 || d >= cards) return INVALID_DEVICE;
	*c = 0xC0 + (uint64_t)d;
	retained[d]++;
	live++;
	return OK;
}
int cuDevicePrimaryCtxRelease_v2(int d) {
	STARTED;
	if (d < 0 || d >= cards || !retained[d]) return INVALID_CONTEXT;
	retained[d]--;
	live--;
	for (int i = 0; i < 8; i++)
		if (retained[i]) return OK;
	if (dead) { // nobody could give anything back: it goes with the context
		for (int i = 0; i < block_count; i++)
			if (blocks[i].buffer) clReleaseMemObject(blocks[i].buffer), blocks[i].buffer = 0;
		for (int i = 0; i < pinned_count; i++) free(pinned[i].at), pinned[i].at = 0;
		memset(used, 0, sizeof used);
		live = 0;
	}
	return OK;
}
int cuCtxSetCurrent(uint64_t c) {
	STARTED;
	if (c && (c < 0xC0 || c >= 0xC0 + (uint64_t)cards || !retained[c & 7])) return INVALID_CONTEXT;
	current = c;
	return c ? dead : OK;
}

// Memory.
static Block *find(uint64_t at, size_t bytes) {
	for (int i = block_count - 1; i >= 0; i--) {
		Block *b = &blocks[i];
		if (b->buffer && at >= b->at && at + bytes <= b->at + b->bytes) return b;
	}
	return 0;
}
static int is_pinned(const void *p, size_t bytes) {
	const char *at = p;
	for (int i = 0; i < pinned_count; i++)
		if (pinned[i].at && at >= pinned[i].at && at + bytes <= pinned[i].at + pinned[i].bytes) return 1;
	return 0;
}
int cuMemAlloc_v2(uint64_t *p, size_t bytes) {
	NEED;
	UNCAPTURED;
	if (!bytes) return INVALID_VALUE;
	if (used[card()] + bytes > memory) return OUT_OF_MEMORY;
	int e, i = 0;
	while (i < block_count && blocks[i].buffer) i++;
	if (i == sizeof blocks / sizeof *blocks) return OUT_OF_MEMORY;
	Block *b = &blocks[i];
	b->buffer = clCreateBuffer(context, 1, (bytes + 3) & ~(size_t)3, 0, &e);
	if (e) {
		b->buffer = 0;
		return OUT_OF_MEMORY;
	}
	if (i == block_count) block_count++;
	const uint32_t junk = 0x7fc00bad;
	clEnqueueFillBuffer(queue, b->buffer, &junk, 4, 0, (bytes + 3) & ~(size_t)3, 0, 0, 0);
	b->context = current;
	b->at = next_address;
	b->bytes = bytes;
	next_address += (bytes + 0x1ffff) & ~0xffffull; // never used again, never adjacent
	used[card()] += bytes;
	live++;
	*p = b->at;
	return OK;
}
int cuMemFree_v2(uint64_t p) {
	NEED;
	UNCAPTURED;
	Block *b = find(p, 1);
	if (!b || b->at != p || b->context != current) return INVALID_VALUE;
	clFinish(queue);
	clReleaseMemObject(b->buffer);
	b->buffer = 0;
	used[card()] -= b->bytes;
	live--;
	return OK;
}
int cuMemHostAlloc(void **p, size_t bytes, unsigned flags) {
	NEED;
	UNCAPTURED;
	if (!bytes || flags > 7) return INVALID_VALUE;
	int i = 0;
	while (i < pinned_count && pinned[i].at) i++;
	if (i == sizeof pinned / sizeof *pinned) return OUT_OF_MEMORY;
	if (i == pinned_count) pinned_count++;
	pinned[i].at = malloc(bytes);
	memset(pinned[i].at, 0xdb, bytes);
	pinned[i].bytes = bytes;
	live++;
	*p = pinned[i].at;
	return OK;
}
int cuMemFreeHost(void *p) {
	NEED;
	UNCAPTURED;
	for (int i = 0; i < pinned_count; i++)
		if (p && pinned[i].at == p) {
			free(p);
			pinned[i].at = 0;
			live--;
			return OK;
		}
	return INVALID_VALUE;
}

// Streams: what is asked for is done when somebody waits.
static int run(const Node *n) {
	for (int i = 0; i < n->f->params; i++) {
		if (!n->f->pointer[i]) {
			clSetKernelArg(n->f->kernel, (unsigned)i, (size_t)n->f->size[i], n->arg[i]);
			continue;
		}
		uint64_t at;
		memcpy(&at, n->arg[i], 8);
		Block *b = find(at, 1);
		if (!b || b->at != at) return ILLEGAL_ADDRESS; // kernels are given whole blocks
		clSetKernelArg(n->f->kernel, (unsigned)i, sizeof(cl), &b->buffer);
	}
	size_t local = n->f->threads, global = n->groups * local;
	return clEnqueueNDRangeKernel(queue, n->f->kernel, 1, 0, &global, &local, 0, 0, 0) ? 719 : OK;
}
static int perform(Op *o) {
	Block *b;
	struct timespec t;
	switch (o->kind) {
	case LAUNCH: return run(&o->node);
	case REPLAY:
		if (o->graph->magic != EXEC) return ILLEGAL_ADDRESS;
		for (int i = 0; i < o->graph->n; i++) {
			int e = run(&o->graph->list[i]);
			if (e) return e;
		}
		return OK;
	case TO_DEVICE:
		if (!(b = find(o->at, o->bytes)) || !is_pinned(o->host, o->bytes)) return ILLEGAL_ADDRESS;
		return clEnqueueWriteBuffer(queue, b->buffer, 1, o->at - b->at, o->bytes, o->host, 0, 0, 0) ? 719 : OK;
	case TO_HOST:
		if (!(b = find(o->at, o->bytes)) || !is_pinned(o->host, o->bytes)) return ILLEGAL_ADDRESS;
		return clEnqueueReadBuffer(queue, b->buffer, 1, o->at - b->at, o->bytes, o->host, 0, 0, 0) ? 719 : OK;
	case RECORD:
		clFinish(queue);
		clock_gettime(CLOCK_MONOTONIC, &t);
		o->event->ms = (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
		o->event->pending = 0;
	}
	return OK;
}
// drain does what a stream has to do, up to an event if there is one.
static int drain(Stream *s, Event *until) {
	int i = 0;
	while (i < s->n && !dead && !(until && !until->pending)) dead = perform(&s->ops[i++]);
	memmove(s->ops, s->ops + i, (size_t)(s->n - i) * sizeof(Op));
	s->n -= i;
	if (clFinish(queue) && !dead) dead = 719;
	return dead;
}
static void later(Stream *s, Op o) {
	if (s->n == s->room) s->ops = realloc(s->ops, (size_t)(s->room = 2 * s->room + 64) * sizeof(Op));
	s->ops[s->n++] = o;
}
int cuStreamCreate(Stream **s, unsigned flags) {
	NEED;
	UNCAPTURED;
	if (flags > 1) return INVALID_VALUE;
	*s = calloc(1, sizeof **s);
	(*s)->magic = STREAM;
	(*s)->context = current;
	live++;
	return OK;
}
int cuStreamDestroy_v2(Stream *s) {
	NEED;
	UNCAPTURED;
	HANDLE(s, STREAM);
	s->magic = 0;
	live--;
	return drain(s, 0);
}
int cuStreamSynchronize(Stream *s) {
	NEED;
	UNCAPTURED;
	HANDLE(s, STREAM);
	return drain(s, 0);
}
static int copy(Stream *s, Op o) {
	HANDLE(s, STREAM);
	if (!o.bytes) return OK;
	Block *b = find(o.at, o.bytes);
	if (!b || b->context != current || !is_pinned(o.host, o.bytes)) return INVALID_VALUE;
	later(s, o);
	return OK;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, void *from, size_t bytes, Stream *s) { NEED; UNCAPTURED; return copy(s, (Op){.kind = TO_DEVICE, .at = to, .host = from, .bytes = bytes}); }
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, Stream *s) { NEED; UNCAPTURED; return copy(s, (Op){.kind = TO_HOST, .at = from, .host = to, .bytes = bytes}); }

// Events.
int cuEventCreate(Event **e, unsigned flags) {
	NEED;
	UNCAPTURED;
	*e = calloc(1, sizeof **e);
	(*e)->magic = EVENT;
	(*e)->context = current;
	(*e)->timed = !(flags & 2);
	live++;
	return OK;
}
int cuEventDestroy_v2(Event *e) { NEED; HANDLE(e, EVENT); if (e->pending) drain(e->on, e); e->magic = 0; live--; return OK; }
int cuEventRecord(Event *e, Stream *s) {
	NEED;
	UNCAPTURED;
	HANDLE(e, EVENT);
	HANDLE(s, STREAM);
	if (e->pending) drain(e->on, e);
	e->recorded = e->pending = 1;
	e->on = s;
	later(s, (Op){.kind = RECORD, .event = e});
	return OK;
}
int cuEventSynchronize(Event *e) { NEED; UNCAPTURED; HANDLE(e, EVENT); return e->pending ? drain(e->on, e) : OK; }
int cuEventElapsedTime(float *ms, Event *from, Event *to) {
	NEED;
	HANDLE(from, EVENT);
	HANDLE(to, EVENT);
	if (!from->timed || !to->timed || !from->recorded || !to->recorded) return INVALID_HANDLE;
	if (from->pending || to->pending) return NOT_READY;
	*ms = (float)(to->ms - from->ms);
	return OK;
}

// Kernels.
static int build(void) {
	const char *name = getenv("FAKECUDA_SOURCE");
	if (!name) return 1;
	if (program && !strcmp(name, source_name)) return 0;
	FILE *in = fopen(name, "r");
	if (!in) return 1;
	static char text[1 << 22];
	text[fread(text, 1, sizeof text - 1, in)] = 0;
	fclose(in);
	const char *s = text;
	int e;
	program = clCreateProgramWithSource(context, 1, &s, 0, &e);
	if (e || clBuildProgram(program, 1, &device, "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt", 0, 0)) return 1;
	snprintf(source_name, sizeof source_name, "%s", name);
	return 0;
}
int cuModuleLoadDataEx(Module **out, const char *text, unsigned n, unsigned *options, void **values) {
	NEED;
	UNCAPTURED;
	const char *fault = 0, *target = strstr(text, ".target sm_");
	if (!strstr(text, ".version ") || !target || !strstr(text, ".address_size 64")) fault = "no .version, .target or .address_size";
	else if (strstr(text, ".extern .func")) fault = "a function from elsewhere";
	else if (atoi(target + 11) > capability) return NO_BINARY;
	else if (build()) fault = "FAKECUDA_SOURCE names no kernels in OpenCL C";
	if (fault) {
		for (unsigned i = 0; i + 1 < n; i++)
			if (options[i] == 5 && options[i + 1] == 6) snprintf(values[i], (size_t)values[i + 1], "%s", fault);
		return INVALID_PTX;
	}
	Module *m = calloc(1, sizeof *m);
	m->magic = MODULE;
	m->context = current;
	for (const char *p = text; (p = strstr(p, ".visible .entry "));) {
		p += strlen(".visible .entry ");
		Function *f = &m->list[m->n++];
		const char *open = strchr(p, '('), *end = strchr(open, ')'), *body = strchr(end, '{');
		f->magic = FUNCTION;
		snprintf(f->name, sizeof f->name, "%.*s", (int)(open - p), p);
		for (const char *a = open; (a = strstr(a, ".param ")) && a < end; a++) {
			if (f->params == MOST_PARAMS) return INVALID_PTX;
			int k = f->params++;
			const char *bytes = strchr(a, '['), *line = strchr(a, '\n');
			if (!strncmp(a, ".param .u64", 11)) f->size[k] = 8, f->pointer[k] = 1;
			else if (!strncmp(a, ".param .u32", 11)) f->size[k] = 4;
			else if (bytes && bytes < line) f->size[k] = atoi(bytes + 1);
			if (!f->size[k] || f->size[k] > MOST_BYTES) return INVALID_PTX;
		}
		const char *size = strstr(end, ".reqntid ");
		if (size && size < body) f->threads = (unsigned)atoi(size + 9);
		p = end;
	}
	live++;
	*out = m;
	return OK;
}
int cuModuleUnload(Module *m) { NEED; UNCAPTURED; HANDLE(m, MODULE); m->magic = 0; for (int i = 0; i < m->n; i++) m->list[i].magic = 0; live--; return OK; }
int cuModuleGetFunction(Function **out, Module *m, const char *name) {
	NEED;
	HANDLE(m, MODULE);
	for (int i = 0; i < m->n; i++) {
		Function *f = &m->list[i];
		if (strcmp(f->name, name)) continue;
		int e;
		unsigned params;
		if (!f->kernel) f->kernel = clCreateKernel(program, name, &e);
		if (!f->kernel || clGetKernelInfo(f->kernel, 0x1191, sizeof params, &params, 0) || (int)params != f->params) return NOT_FOUND;
		*out = f;
		return OK;
	}
	return NOT_FOUND;
}
int cuLaunchKernel(Function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, Stream *s, void **params, void **extra) {
	NEED;
	HANDLE(s, STREAM);
	if (!f || f->magic != FUNCTION) return INVALID_HANDLE;
	if (!gx || gx > 0x7fffffff || gy != 1 || gz != 1 || by != 1 || bz != 1 || shared || extra || !params) return INVALID_VALUE;
	if (!bx || bx > 1024 || (f->threads && bx != f->threads)) return INVALID_VALUE;
	Node n = {.f = f, .groups = gx};
	for (int i = 0; i < f->params; i++) memcpy(n.arg[i], params[i], (size_t)f->size[i]);
	if (!s->capturing) {
		later(s, (Op){.kind = LAUNCH, .node = n});
		return OK;
	}
	Graph *g = s->graph;
	if (g->n == g->room) g->list = realloc(g->list, (size_t)(g->room = 2 * g->room + 64) * sizeof(Node));
	g->list[g->n++] = n;
	return OK;
}

// Graphs.
int cuStreamBeginCapture_v2(Stream *s, int mode) {
	NEED;
	HANDLE(s, STREAM);
	if (s->capturing || mine || mode != 1) return INVALID_VALUE; // idarts lets others work meanwhile
	s->capturing = 1;
	s->broken = 0;
	s->graph = calloc(1, sizeof(Graph));
	s->graph->magic = GRAPH;
	s->graph->context = current;
	mine = s;
	return OK;
}
int cuStreamEndCapture(Stream *s, Graph **out) {
	Stream *was = mine;
	if (was == s) mine = 0; // also when the card is lost
	NEED;
	HANDLE(s, STREAM);
	if (!s->capturing || was != s) return INVALID_VALUE;
	s->capturing = 0;
	*out = 0;
	if (s->broken) return CAPTURE_INVALIDATED;
	*out = s->graph;
	live++;
	return OK;
}
int cuGraphInstantiateWithFlags(Graph **out, Graph *g, unsigned long long flags) {
	NEED;
	UNCAPTURED;
	HANDLE(g, GRAPH);
	if (flags) return INVALID_VALUE;
	Graph *e = *out = calloc(1, sizeof **out);
	*e = (Graph){.magic = EXEC, .context = current, .n = g->n, .list = malloc((size_t)g->n * sizeof(Node))};
	memcpy(e->list, g->list, (size_t)g->n * sizeof(Node));
	live++;
	return OK;
}
int cuGraphLaunch(Graph *e, Stream *s) {
	NEED;
	UNCAPTURED;
	HANDLE(e, EXEC);
	HANDLE(s, STREAM);
	later(s, (Op){.kind = REPLAY, .graph = e});
	return OK;
}
int cuGraphDestroy(Graph *g) { NEED; HANDLE(g, GRAPH); g->magic = 0; free(g->list); live--; return OK; }
int cuGraphExecDestroy(Graph *e) { NEED; HANDLE(e, EXEC); e->magic = 0; free(e->list); live--; return OK; }

// fakecuda_live is how much has not been given back, of all kinds together.
int fakecuda_live(void) { LOCKED; return live; }
