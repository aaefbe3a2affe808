/*
 * EventBuffer and skim: the twins of buffer.py and skimming.py, event by event in C. Whatever is not
 * as the calls' types or the format say it is left to Python, which finds words for it.
 *
 * Every method is one step under the interpreter's lock: none runs Python code while the buffer is
 * being changed, so that the recorder and the flusher need no lock of their own.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "event_format.h"
#include "event_skimming.h"

enum stored { STORED, FIRST, FULL, UNUSUAL }; /* buffer.py, Stored */

#define FIELDS_MAX 4
#define TAGS 17

/* Where the values of a call or a result are: offsets of the slots of its class. */
struct layout {
    PyTypeObject *type;
    Py_ssize_t offsets[FIELDS_MAX];
};

struct kind {
    struct layout call, result;
};

struct buffer {
    PyObject_HEAD
    struct kind kinds[TAGS]; /* by tag */
    PyTypeObject *known;     /* what stands for block data that the trace has */
    uint8_t *bytes;
    PyObject *large; /* an event beyond the limit, which is a block alone */
    struct event_writer writer;
    struct event_prior prior;
    unsigned long long taken; /* events before this block */
    unsigned long long count; /* events of this block */
    bool closed;
};

static struct event_crc_table crc_table;
static bool crc_instruction;

static uint32_t crc32c(const uint8_t *data, uint64_t bytes)
{
#ifdef __x86_64__
    if (crc_instruction)
        return event_crc_by_instruction(data, bytes);
#endif
    return event_crc_by_table(&crc_table, data, bytes);
}

/* Values in slots: `ok` turns false, and stays so, for one that is of no use. */

static PyObject *slot(PyObject *object, const struct layout *layout, int index)
{
    return *(PyObject **)((char *)object + layout->offsets[index]);
}

static uint64_t number(PyObject *object, const struct layout *layout, int index, uint64_t max,
                       bool *ok)
{
    PyObject *value = slot(object, layout, index);
    if (!value || !PyLong_CheckExact(value)) {
        *ok = false;
        return 0;
    }
    unsigned long long converted = PyLong_AsUnsignedLongLong(value);
    if (converted == (unsigned long long)-1 && PyErr_Occurred()) {
        PyErr_Clear();
        *ok = false;
    }
    if (converted > max)
        *ok = false;
    return converted;
}

static int32_t signed_number(PyObject *object, const struct layout *layout, int index, bool *ok)
{
    PyObject *value = slot(object, layout, index);
    int overflow = 1;
    long long converted = 0;
    if (value && PyLong_CheckExact(value))
        converted = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow || converted < INT32_MIN || converted > INT32_MAX)
        *ok = false;
    return (int32_t)converted;
}

static bool truth(PyObject *object, const struct layout *layout, int index, bool *ok)
{
    PyObject *value = slot(object, layout, index);
    if (value != Py_True && value != Py_False)
        *ok = false;
    return value == Py_True;
}

struct span {
    const uint8_t *data;
    uint64_t bytes;
};

static struct span span(PyObject *object, const struct layout *layout, int index, bool *ok)
{
    PyObject *value = slot(object, layout, index);
    if (!value || !PyBytes_CheckExact(value)) {
        *ok = false;
        return (struct span){NULL, 0};
    }
    return (struct span){(const uint8_t *)PyBytes_AS_STRING(value),
                         (uint64_t)PyBytes_GET_SIZE(value)};
}

static enum stored stored(bool fits)
{
    return fits ? STORED : FULL;
}

static enum stored put_reading(struct buffer *b, unsigned tag, PyObject *result)
{
    bool ok = true;
    const struct layout *layout = &b->kinds[tag].result;
    uint64_t value = number(result, layout, 0, UINT64_MAX, &ok);
    uint64_t aux = tag == EVENT_READ_TSCP ? number(result, layout, 1, UINT32_MAX, &ok) : 0;
    if (!ok)
        return UNUSUAL;
    switch (tag) {
    case EVENT_WALL_CLOCK:
        return stored(event_put_wall_clock(&b->writer, value));
    case EVENT_MONOTONIC_CLOCK:
        return stored(event_put_monotonic_clock(&b->writer, value));
    case EVENT_READ_TSC:
        return stored(event_put_read_tsc(&b->writer, value));
    default:
        return stored(event_put_read_tscp(&b->writer, value, (uint32_t)aux));
    }
}

static enum stored put_console_write(struct buffer *b, const struct kind *kind, PyObject *call)
{
    bool ok = true;
    struct span data = span(call, &kind->call, 0, &ok);
    if (!ok)
        return UNUSUAL;
    return stored(
        event_put_console_write(&b->writer, data.bytes, crc32c(data.data, data.bytes)));
}

static enum stored put_poll(struct buffer *b, const struct kind *kind, PyObject *call,
                            PyObject *result)
{
    bool ok = true;
    uint64_t timeout_ns = number(call, &kind->call, 0, UINT64_MAX, &ok);
    uint64_t ready_set = number(result, &kind->result, 0, UINT64_MAX, &ok);
    return ok ? stored(event_put_poll(&b->writer, timeout_ns, ready_set)) : UNUSUAL;
}

static enum stored put_block_read(struct buffer *b, const struct kind *kind, PyObject *call,
                                  PyObject *result)
{
    bool ok = true;
    uint64_t handle = number(call, &kind->call, 0, UINT64_MAX, &ok);
    uint64_t offset = number(call, &kind->call, 1, UINT64_MAX, &ok);
    uint64_t length = number(call, &kind->call, 2, UINT64_MAX, &ok);
    if (ok && Py_TYPE(result) == b->known)
        return stored(event_put_block_read_known(&b->writer, handle, offset, length));
    if (!ok || Py_TYPE(result) != kind->result.type)
        return UNUSUAL;
    unsigned status = (unsigned)number(result, &kind->result, 0, 3, &ok);
    struct span data = span(result, &kind->result, 1, &ok);
    if (!ok || data.bytes != (status ? 0 : length))
        return UNUSUAL;
    return stored(event_put_block_read(&b->writer, handle, offset, length, status, data.data,
                                       data.bytes));
}

static enum stored put_block_write(struct buffer *b, const struct kind *kind, PyObject *call,
                                   PyObject *result)
{
    bool ok = true;
    uint64_t handle = number(call, &kind->call, 0, UINT64_MAX, &ok);
    uint64_t offset = number(call, &kind->call, 1, UINT64_MAX, &ok);
    struct span data = span(call, &kind->call, 2, &ok);
    unsigned status = (unsigned)number(result, &kind->result, 0, 3, &ok);
    if (!ok)
        return UNUSUAL;
    return stored(event_put_block_write(&b->writer, handle, offset, data.bytes,
                                        crc32c(data.data, data.bytes), status));
}

static enum stored put_net_read(struct buffer *b, const struct kind *kind, PyObject *call,
                                PyObject *result)
{
    bool ok = true;
    uint64_t handle = number(call, &kind->call, 0, UINT64_MAX, &ok);
    uint64_t length = number(call, &kind->call, 1, UINT64_MAX, &ok);
    unsigned status = (unsigned)number(result, &kind->result, 0, 3, &ok);
    struct span data = span(result, &kind->result, 1, &ok);
    if (!ok || data.bytes > (status ? 0 : length))
        return UNUSUAL;
    return stored(
        event_put_net_read(&b->writer, handle, length, status, data.data, data.bytes));
}

static enum stored put_net_write(struct buffer *b, const struct kind *kind, PyObject *call,
                                 PyObject *result)
{
    bool ok = true;
    uint64_t handle = number(call, &kind->call, 0, UINT64_MAX, &ok);
    struct span data = span(call, &kind->call, 1, &ok);
    unsigned status = (unsigned)number(result, &kind->result, 0, 3, &ok);
    if (!ok)
        return UNUSUAL;
    return stored(event_put_net_write(&b->writer, handle, data.bytes,
                                      crc32c(data.data, data.bytes), status));
}

static enum stored put_random_word(struct buffer *b, const struct kind *kind, PyObject *call,
                                   PyObject *result)
{
    bool ok = true;
    bool seed = truth(call, &kind->call, 0, &ok);
    uint64_t bits = number(call, &kind->call, 1, 64, &ok);
    uint64_t value = number(result, &kind->result, 0, UINT64_MAX, &ok);
    if (!ok || (bits != 16 && bits != 32 && bits != 64) || (bits < 64 && value >> bits))
        return UNUSUAL;
    return stored(event_put_random_word(&b->writer, seed, (unsigned)bits, value));
}

static enum stored put_cpuid(struct buffer *b, const struct kind *kind, PyObject *call,
                             PyObject *result)
{
    bool ok = true;
    uint32_t registers[4];
    uint32_t leaf = (uint32_t)number(call, &kind->call, 0, UINT32_MAX, &ok);
    uint32_t subleaf = (uint32_t)number(call, &kind->call, 1, UINT32_MAX, &ok);
    for (int i = 0; i < 4; i++)
        registers[i] = (uint32_t)number(result, &kind->result, i, UINT32_MAX, &ok);
    return ok ? stored(event_put_cpuid(&b->writer, leaf, subleaf, registers)) : UNUSUAL;
}

static enum stored put_set_timer(struct buffer *b, const struct kind *kind, PyObject *call)
{
    bool ok = true;
    uint64_t at_ns = number(call, &kind->call, 0, UINT64_MAX, &ok);
    return ok ? stored(event_put_set_timer(&b->writer, at_ns)) : UNUSUAL;
}

static enum stored put_wait_ready(struct buffer *b, const struct kind *kind, PyObject *call,
                                  PyObject *result)
{
    bool ok = true;
    int32_t timeout_ms = signed_number(call, &kind->call, 0, &ok);
    uint64_t ready_set = number(result, &kind->result, 0, UINT64_MAX, &ok);
    bool fired = truth(result, &kind->result, 1, &ok);
    return ok ? stored(event_put_wait_ready(&b->writer, timeout_ms, ready_set, fired)) : UNUSUAL;
}

static enum stored put(struct buffer *b, unsigned tag, PyObject *call, PyObject *result)
{
    const struct kind *kind = &b->kinds[tag];
    if (tag == EVENT_BLOCK_READ)
        return put_block_read(b, kind, call, result);
    if (Py_TYPE(result) != kind->result.type)
        return UNUSUAL;
    switch (tag) {
    case EVENT_WALL_CLOCK:
    case EVENT_MONOTONIC_CLOCK:
    case EVENT_READ_TSC:
    case EVENT_READ_TSCP:
        return put_reading(b, tag, result);
    case EVENT_CONSOLE_WRITE:
        return put_console_write(b, kind, call);
    case EVENT_POLL:
        return put_poll(b, kind, call, result);
    case EVENT_BLOCK_WRITE:
        return put_block_write(b, kind, call, result);
    case EVENT_NET_READ:
        return put_net_read(b, kind, call, result);
    case EVENT_NET_WRITE:
        return put_net_write(b, kind, call, result);
    case EVENT_RANDOM_WORD:
        return put_random_word(b, kind, call, result);
    case EVENT_CPUID:
        return put_cpuid(b, kind, call, result);
    case EVENT_SET_TIMER:
        return put_set_timer(b, kind, call);
    case EVENT_WAIT_READY:
        return put_wait_ready(b, kind, call, result);
    default:
        return UNUSUAL;
    }
}

/* The tag that stands for the class of `call`; 0 for none. */
static unsigned tag_of(const struct buffer *b, PyObject *call)
{
    for (unsigned tag = 1; tag < TAGS; tag++)
        if (Py_TYPE(call) == b->kinds[tag].call.type)
            return tag;
    return 0;
}

static enum stored counted(struct buffer *b, enum stored outcome)
{
    if (outcome != STORED)
        return outcome;
    return b->count++ ? STORED : FIRST;
}

static PyObject *buffer_append(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    struct buffer *b = (struct buffer *)self;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "append takes a call and a result");
        return NULL;
    }
    unsigned tag = tag_of(b, arguments[0]);
    enum stored outcome = UNUSUAL;
    if (tag && !b->closed)
        outcome = b->large ? FULL : put(b, tag, arguments[0], arguments[1]);
    return PyLong_FromLong(counted(b, outcome));
}

static PyObject *buffer_put(PyObject *self, PyObject *data)
{
    struct buffer *b = (struct buffer *)self;
    if (!PyBytes_CheckExact(data)) {
        PyErr_SetString(PyExc_TypeError, "put takes the bytes of an event");
        return NULL;
    }
    uint64_t bytes = (uint64_t)PyBytes_GET_SIZE(data);
    enum stored outcome = STORED;
    if (b->closed) {
        outcome = UNUSUAL;
    } else if (b->large) {
        outcome = FULL;
    } else if (bytes <= (uint64_t)(b->writer.end - b->writer.at)) {
        event_copy(b->writer.at, (const uint8_t *)PyBytes_AS_STRING(data), bytes);
        b->writer.at += bytes;
    } else if (b->count) {
        outcome = FULL;
    } else {
        b->large = Py_NewRef(data);
    }
    return PyLong_FromLong(counted(b, outcome));
}

static PyObject *buffer_take(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct buffer *b = (struct buffer *)self;
    PyObject *payload = b->large;
    if (!payload)
        payload = PyBytes_FromStringAndSize((const char *)b->bytes, b->writer.at - b->bytes);
    if (!payload)
        return NULL;
    unsigned long long first = b->taken, count = b->count;
    b->large = NULL;
    b->taken += count;
    b->count = 0;
    b->writer.at = b->bytes;
    b->prior = (struct event_prior){0};
    return Py_BuildValue("NKK", payload, first, count);
}

static PyObject *buffer_skip(PyObject *self, PyObject *events)
{
    struct buffer *b = (struct buffer *)self;
    unsigned long long count = PyLong_AsUnsignedLongLong(events);
    if (count == (unsigned long long)-1 && PyErr_Occurred())
        return NULL;
    if (b->count) {
        PyErr_SetString(PyExc_AssertionError, "events are pending");
        return NULL;
    }
    b->taken += count;
    Py_RETURN_NONE;
}

static PyObject *buffer_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    ((struct buffer *)self)->closed = true;
    Py_RETURN_NONE;
}

static PyObject *buffer_pending(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(((struct buffer *)self)->count);
}

static PyObject *buffer_event_count(PyObject *self, void *Py_UNUSED(closure))
{
    struct buffer *b = (struct buffer *)self;
    return PyLong_FromUnsignedLongLong(b->taken + b->count);
}

/* Reads [type, slot, ...] of buffer.py, EVENT_CLASSES. */
static int read_layout(PyObject *row, struct layout *layout)
{
    if (!PyTuple_Check(row) || PyTuple_GET_SIZE(row) < 1
        || PyTuple_GET_SIZE(row) > 1 + FIELDS_MAX || !PyType_Check(PyTuple_GET_ITEM(row, 0))) {
        PyErr_SetString(PyExc_TypeError, "a class and its slots expected");
        return -1;
    }
    PyTypeObject *type = (PyTypeObject *)PyTuple_GET_ITEM(row, 0);
    for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(row); i++) {
        PyObject *descriptor = PyTuple_GET_ITEM(row, i);
        if (!Py_IS_TYPE(descriptor, &PyMemberDescr_Type)
            || ((PyMemberDescrObject *)descriptor)->d_common.d_type != type
            || ((PyMemberDescrObject *)descriptor)->d_member->type != T_OBJECT_EX) {
            PyErr_Format(PyExc_TypeError, "%s has a field that is no slot", type->tp_name);
            return -1;
        }
        layout->offsets[i - 1] = ((PyMemberDescrObject *)descriptor)->d_member->offset;
    }
    layout->type = (PyTypeObject *)Py_NewRef((PyObject *)type);
    return 0;
}

static int read_kinds(struct buffer *b, PyObject *rows)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(rows); i++) {
        unsigned int tag;
        PyObject *call, *result;
        PyObject *row = PyTuple_GET_ITEM(rows, i);
        if (!PyTuple_Check(row)) {
            PyErr_SetString(PyExc_TypeError, "a tag, a call and a result expected");
            return -1;
        }
        if (!PyArg_ParseTuple(row, "IOO", &tag, &call, &result))
            return -1;
        if (tag < 1 || tag >= TAGS || b->kinds[tag].call.type) {
            PyErr_Format(PyExc_ValueError, "tag %u is unknown or stands there twice", tag);
            return -1;
        }
        if (read_layout(call, &b->kinds[tag].call) < 0
            || read_layout(result, &b->kinds[tag].result) < 0)
            return -1;
    }
    return 0;
}

static PyObject *buffer_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *rows;
    PyTypeObject *known;
    (void)keywords;
    if (!PyArg_ParseTuple(arguments, "O!O!", &PyTuple_Type, &rows, &PyType_Type, &known))
        return NULL;
    struct buffer *b = (struct buffer *)type->tp_alloc(type, 0);
    if (!b)
        return NULL;
    b->known = (PyTypeObject *)Py_NewRef((PyObject *)known);
    b->bytes = PyMem_Malloc(EVENT_BLOCK_BYTES + EVENT_SLACK);
    if (!b->bytes)
        PyErr_NoMemory();
    if (!b->bytes || read_kinds(b, rows) < 0) {
        Py_DECREF(b);
        return NULL;
    }
    b->writer.at = b->bytes;
    b->writer.end = b->bytes + EVENT_BLOCK_BYTES;
    b->writer.prior = &b->prior;
    return (PyObject *)b;
}

static void buffer_dealloc(PyObject *self)
{
    struct buffer *b = (struct buffer *)self;
    PyTypeObject *type = Py_TYPE(self);
    for (unsigned tag = 0; tag < TAGS; tag++) {
        Py_XDECREF(b->kinds[tag].call.type);
        Py_XDECREF(b->kinds[tag].result.type);
    }
    Py_XDECREF(b->known);
    Py_XDECREF(b->large);
    PyMem_Free(b->bytes);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef buffer_methods[] = {
    {"append", (PyCFunction)(void (*)(void))buffer_append, METH_FASTCALL, NULL},
    {"put", buffer_put, METH_O, NULL},
    {"take", buffer_take, METH_NOARGS, NULL},
    {"skip", buffer_skip, METH_O, NULL},
    {"close", buffer_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef buffer_attributes[] = {
    {"pending", buffer_pending, NULL, NULL, NULL},
    {"event_count", buffer_event_count, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot buffer_slots[] = {
    {Py_tp_new, buffer_new},
    {Py_tp_dealloc, buffer_dealloc},
    {Py_tp_methods, buffer_methods},
    {Py_tp_getset, buffer_attributes},
    {Py_tp_doc, "See traces.buffer.EventBuffer."},
    {0, NULL},
};

static PyType_Spec buffer_spec = {
    "traces._events.CompiledBuffer", sizeof(struct buffer), 0, Py_TPFLAGS_DEFAULT, buffer_slots,
};

/* Events passed over, one after another, into columns that hold `room` of them. */
struct columns {
    uint8_t *kinds;
    int64_t *times;
    PyObject *walls;
    Py_ssize_t count, room;
};

static int note_wall(struct columns *columns, int64_t offset)
{
    PyObject *entry = Py_BuildValue("nL", columns->count, (long long)offset);
    int failed = entry ? PyList_Append(columns->walls, entry) : -1;
    Py_XDECREF(entry);
    return failed;
}

/* Stops behind the last event that is one; `s` is then as it was there. */
static int skim_columns(struct columns *columns, struct event_skimmer *s)
{
    while (columns->count < columns->room) {
        struct event_skimmer before = *s;
        unsigned tag = event_skim(s);
        if (!tag) {
            *s = before;
            return 0;
        }
        if (s->wall_moved && note_wall(columns, s->clock.wall_offset) < 0)
            return -1;
        columns->kinds[columns->count] = (uint8_t)tag;
        columns->times[columns->count++] = s->clock.now;
    }
    return 0;
}

static PyObject *skimmed(const struct columns *columns, const struct event_skimmer *s,
                         Py_ssize_t offset)
{
    const struct event_prior *prior = &s->prior;
    const struct event_clock *clock = &s->clock;
    return Py_BuildValue("nny#y#O(KKKK)(LLLLI)", columns->count, offset, columns->kinds,
                         columns->count, columns->times,
                         columns->count * (Py_ssize_t)sizeof *columns->times, columns->walls,
                         prior->wall, prior->monotonic, prior->cycles, prior->special_cycles,
                         clock->now, clock->monotonic_zero, clock->cycles_zero,
                         clock->wall_offset, clock->seen);
}

static PyObject *skim_payload(Py_buffer *payload, Py_ssize_t offset, Py_ssize_t room,
                              struct event_skimmer *s)
{
    const uint8_t *begin = payload->buf;
    struct columns columns = {NULL, NULL, PyList_New(0), 0, room};
    PyObject *result = NULL;
    s->from = (struct event_reader){begin + offset, begin + payload->len, true};
    columns.kinds = PyMem_Malloc((size_t)room + 1);
    columns.times = PyMem_Malloc(((size_t)room + 1) * sizeof *columns.times);
    if (columns.walls && (!columns.kinds || !columns.times))
        PyErr_NoMemory();
    else if (columns.walls && skim_columns(&columns, s) == 0)
        result = skimmed(&columns, s, s->from.at - begin);
    PyMem_Free(columns.kinds);
    PyMem_Free(columns.times);
    Py_XDECREF(columns.walls);
    return result;
}

static PyObject *events_skim(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer payload;
    Py_ssize_t offset, count;
    unsigned long long wall, monotonic, cycles, special, tsc_hz;
    long long now, monotonic_zero, cycles_zero, wall_offset;
    unsigned seen;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "y*nn(KKKK)(LLLLI)K", &payload, &offset, &count, &wall,
                          &monotonic, &cycles, &special, &now, &monotonic_zero, &cycles_zero,
                          &wall_offset, &seen, &tsc_hz))
        return NULL;
    struct event_skimmer s = {
        .prior = {wall, monotonic, cycles, special},
        .clock = {now, monotonic_zero, cycles_zero, wall_offset, seen},
        .tsc_hz = tsc_hz,
    };
    if (offset < 0 || offset > payload.len || count < 0 || !tsc_hz) {
        PyErr_SetString(PyExc_ValueError, "an offset within the payload, a count, a frequency");
    } else {
        Py_ssize_t most = (payload.len - offset) / 2; /* an array's head and a tag */
        result = skim_payload(&payload, offset, count < most ? count : most, &s);
    }
    PyBuffer_Release(&payload);
    return result;
}

static PyMethodDef events_functions[] = {
    {"skim", events_skim, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef events_module = {
    PyModuleDef_HEAD_INIT, "traces._events", NULL, -1, events_functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__events(void)
{
    event_crc_prepare(&crc_table);
#ifdef __x86_64__
    crc_instruction = event_crc_has_instruction();
#endif
    PyObject *module = PyModule_Create(&events_module);
    PyObject *type = module ? PyType_FromSpec(&buffer_spec) : NULL;
    if (!type || PyModule_AddObjectRef(module, "CompiledBuffer", type) < 0)
        Py_CLEAR(module);
    Py_XDECREF(type);
    return module;
}
