/*
 * Going through a region of code, as survey.py does: plain instructions are stepped over here, and the
 * few that are not are shown to Python. What Capstone makes of an instruction decides, so nothing is
 * plain here that it would call otherwise, or measure differently.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_opcodes.h"

/* What is known about the instruction that begins at a byte: survey.py, Mark. */
enum mark { BEGINS = 1, KNOWN = 2, TARGET = 4, IMPLAUSIBLE = 8, LAST = 16, SITE = 32 };

#define NOWHERE (-1)

/* One instruction: its length, what it is, and the offset to which it branches. */
struct step {
    Py_ssize_t length;
    unsigned marks;
    Py_ssize_t lead;
};

/* Where the branches of a stretch lead, which may yet turn out to be no code. */
struct leads {
    Py_ssize_t *offsets;
    size_t count, room;
};

/* A walk through the code from offset `at` to `end`, and what is known about each byte. */
struct walk {
    const uint8_t *code;
    uint8_t *marks;
    Py_ssize_t at, end;
    PyObject *judge; /* of an offset: the length, marks and lead of the instruction there */
    struct leads leads;
};

/*
 * What an opcode is when it has no odd prefixes, 16 opcodes a line:
 *   +  plain                         r  plain, with a repeat prefix too   q  plain, with f3 too
 *   m  plain with an operand in memory                 6  plain with the operand-size prefix alone
 *   b B  a branch by 1 or 4 bytes    s S  the same, and control does not go on     l  nor here
 *   e f  the groups of INC, CALL and JMP               t  the group of BT with a number
 *   n  endbr64                       ?  to be looked at by Python, or no opcode
 */
static const char one_byte_kinds[] =
    "++++++??" "++++++??" /* 00 */
    "++++++??" "++++++??" /* 10 */
    "++++++??" "++++++??" /* 20 */
    "++++++??" "++++++??" /* 30 */
    "????????" "????????" /* 40 */
    "++++++++" "++++++++" /* 50 */
    "???+????" "++++????" /* 60 */
    "bbbbbbbb" "bbbbbbbb" /* 70 */
    "++?+++++" "++++?m?+" /* 80: selectors */
    "++++++++" "++?+??++" /* 90: flags */
    "++++rr++" "++rr++++" /* a0 */
    "++++++++" "++++++++" /* b0 */
    "++ll??++" "?+??????" /* c0: interrupts */
    "++++????" "+???????" /* d0: floating point of old, rare */
    "+++b????" "BS?s????" /* e0 */
    "?????+++" "++??++ef" /* f0 */;

static const char two_byte_kinds[] =
    "????????" "???l????" /* 0f 00 */
    "rrmm++mm" "??????n+" /* 0f 10 */
    "????????" "++r?rr++" /* 0f 20 */
    "????????" "????????" /* 0f 30 */
    "++++++++" "++++++++" /* 0f 40 */
    "?r??++++" "rrr+rrrr" /* 0f 50: approximations */
    "++++++++" "++++66+q" /* 0f 60 */
    "r???+++?" "??????qq" /* 0f 70 */
    "BBBBBBBB" "BBBBBBBB" /* 0f 80 */
    "++++++++" "++++++++" /* 0f 90 */
    "???+++??" "???+++?+" /* 0f a0: selectors */
    "++?+??++" "??t+++++" /* 0f b0: selectors */
    "++r?+?+?" "++++++++" /* 0f c0 */
    "?+++++6?" "++++++++" /* 0f d0 */
    "++++++?m" "++++++++" /* 0f e0 */
    "?++++++?" "+++++++?" /* 0f f0 */;

static char kind_of(uint32_t opcode)
{
    if (opcode > 0xffff)
        return '?'; /* of three bytes */
    return opcode > 0xff ? two_byte_kinds[opcode & 0xff] : one_byte_kinds[opcode];
}

/* Prefixes that change what the opcode is to decoders, or whether it is anything. */
static bool is_oddly_prefixed(const struct prefixes *p, char kind)
{
    if (p->lock || p->address_size || (p->repeat && p->operand_size))
        return true;
    if (kind == 'n')
        return p->repeat != 0xf3;
    return p->repeat && kind != 'r' && !(kind == 'q' && p->repeat == 0xf3);
}

static Py_ssize_t relative(const uint8_t *operand, bool is_byte)
{
    int32_t distance;

    if (is_byte)
        return (int8_t)*operand;
    memcpy(&distance, operand, sizeof distance);
    return distance;
}

/* A byte that is no instruction in 64-bit mode whatever follows, or string I/O: text, mostly. */
static bool is_never_code(uint8_t byte)
{
    static const uint8_t bytes[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27,
                                    0x2f, 0x37, 0x3f, 0x60, 0x61, 0x6c, 0x6d, 0x6e,
                                    0x6f, 0x82, 0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea};

    return memchr(bytes, byte, sizeof bytes) != NULL;
}

/* What a plain instruction is, which ends at offset `end`; false when Python has to look at it. */
static bool judge_plain(const struct instruction *i, Py_ssize_t end, struct step *step)
{
    const char kind = kind_of(i->opcode);
    const unsigned operation = i->modrm >> 3 & 7;

    if (is_oddly_prefixed(&i->prefixes, kind))
        return false;
    switch (kind) {
    case '+':
    case 'r':
    case 'q':
        return true;
    case 'm':
        return i->modrm < 0xc0;
    case '6':
        return i->prefixes.operand_size;
    case 'e':
        return operation < 2;
    case 't':
        return operation >= 4;
    case 'n':
        return i->modrm == 0xfa;
    case 'f':
        step->marks = operation == 4 ? LAST : 0;
        return operation != 4 || !i->prefixes.legacy;
    case 'l':
        step->marks = LAST;
        return !i->prefixes.legacy;
    case 's':
    case 'S':
        step->marks = LAST;
        break;
    case 'b':
    case 'B':
        break;
    default:
        return false;
    }
    step->lead = end + relative(i->operands, kind == 'b' || kind == 's');
    return !i->prefixes.legacy;
}

/* The instruction at `at`; false when Python has to look at it. */
static bool plain_step(const uint8_t *code, Py_ssize_t end, Py_ssize_t at, struct step *step)
{
    struct cursor c = {code + at, code + end};
    struct instruction i;

    *step = (struct step){1, 0, NOWHERE};
    if (!skip_plain(&c, &i)) {
        step->marks = IMPLAUSIBLE;
        return is_never_code(code[at]);
    }
    step->length = c.at - (code + at);
    if (step->length == 2 && code[at] == 0 && code[at + 1] == 0)
        step->marks = IMPLAUSIBLE; /* zeros: a store into whatever RAX points to */
    return judge_plain(&i, c.at - code, step);
}

/* The next instruction according to Python; false with an exception. */
static bool judged_step(const struct walk *w, struct step *step)
{
    PyObject *verdict = PyObject_CallFunction(w->judge, "n", w->at);
    bool ok = false;

    if (verdict && !PyTuple_Check(verdict))
        PyErr_SetString(PyExc_TypeError, "a judge gives a tuple");
    else if (verdict)
        ok = PyArg_ParseTuple(verdict, "nIn;a length, marks and an offset", &step->length,
                              &step->marks, &step->lead);
    Py_XDECREF(verdict);
    if (ok && (step->length < 1 || step->length > w->end - w->at)) {
        PyErr_Format(PyExc_ValueError, "%zd bytes at offset %zd of %zd", step->length, w->at, w->end);
        return false;
    }
    return ok;
}

static bool note_lead(struct leads *leads, Py_ssize_t offset)
{
    if (leads->count == leads->room) {
        const size_t room = leads->room ? 2 * leads->room : 1024;
        Py_ssize_t *offsets = PyMem_Realloc(leads->offsets, room * sizeof *offsets);
        if (!offsets) {
            PyErr_NoMemory();
            return false;
        }
        leads->offsets = offsets;
        leads->room = room;
    }
    leads->offsets[leads->count++] = offset;
    return true;
}

/* The first offset behind the next byte that is known to begin an instruction, or `end`. */
static Py_ssize_t known_within(const struct walk *w, Py_ssize_t end)
{
    Py_ssize_t at = w->at + 1;

    while (at < end && !(w->marks[at] & KNOWN))
        at++;
    return at;
}

/* Every instruction; false with an exception. */
static bool walk_through(struct walk *w)
{
    bool sound = true;

    while (w->at < w->end) {
        struct step step;
        if (!plain_step(w->code, w->end, w->at, &step) && !judged_step(w, &step))
            return false;
        const Py_ssize_t next = known_within(w, w->at + step.length);
        if (next == w->at + step.length) {
            w->marks[w->at] |= BEGINS | step.marks;
            if (step.lead >= 0 && step.lead < w->end && !note_lead(&w->leads, step.lead))
                return false;
            sound = sound && !(step.marks & IMPLAUSIBLE);
            if (step.marks & LAST) {
                for (size_t i = 0; sound && i < w->leads.count; i++)
                    w->marks[w->leads.offsets[i]] |= TARGET;
                w->leads.count = 0;
                sound = true;
            }
        }
        w->at = next;
    }
    return true;
}

static PyObject *walk(PyObject *module, PyObject *arguments)
{
    Py_buffer code, marks;
    struct walk w = {.leads = {NULL, 0, 0}};
    bool ok = false;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*w*nnO:walk", &code, &marks, &w.at, &w.end, &w.judge))
        return NULL;
    if (w.at < 0 || w.end > code.len || code.len != marks.len) {
        PyErr_Format(PyExc_ValueError, "%zd to %zd of %zd bytes with %zd marks", w.at, w.end,
                     code.len, marks.len);
    } else {
        w.code = code.buf;
        w.marks = marks.buf;
        ok = walk_through(&w);
        PyMem_Free(w.leads.offsets);
    }
    PyBuffer_Release(&marks);
    PyBuffer_Release(&code);
    return ok ? Py_NewRef(Py_None) : NULL;
}

/* Take back the sites from number `first` on, unless their stretch is code as far as they go. */
static bool end_stretch(PyObject *found, Py_ssize_t *first, bool is_code)
{
    const Py_ssize_t count = PyList_GET_SIZE(found);

    if (!is_code && *first < count && PyList_SetSlice(found, *first, count, NULL) < 0)
        return false;
    *first = PyList_GET_SIZE(found);
    return true;
}

static bool add_site(PyObject *found, Py_ssize_t at)
{
    PyObject *offset = PyLong_FromSsize_t(at);
    const bool ok = offset && PyList_Append(found, offset) == 0;

    Py_XDECREF(offset);
    return ok;
}

/* Add to `found` the offsets of sites in stretches that are code; false with an exception. */
static bool find_code_sites(PyObject *found, const uint8_t *marks, Py_ssize_t size)
{
    bool trusted = false, sound = true, begins_anew = false;
    Py_ssize_t first = 0;

    for (Py_ssize_t at = 0; at < size; at++) {
        const unsigned mark = marks[at];
        begins_anew = begins_anew || mark & KNOWN;
        if (!(mark & (IMPLAUSIBLE | LAST | SITE)))
            continue;
        if (begins_anew) {
            if (!end_stretch(found, &first, sound || trusted))
                return false;
            trusted = sound = true;
            begins_anew = false;
        }
        if (mark & IMPLAUSIBLE)
            sound = false;
        else if (mark & SITE && sound && !add_site(found, at))
            return false;
        if (mark & LAST) {
            if (!end_stretch(found, &first, sound || trusted))
                return false;
            trusted = false;
            sound = true;
        }
    }
    return end_stretch(found, &first, sound || trusted);
}

static PyObject *code_sites(PyObject *module, PyObject *argument)
{
    Py_buffer marks;

    (void)module;
    if (PyObject_GetBuffer(argument, &marks, PyBUF_SIMPLE) < 0)
        return NULL;
    PyObject *found = PyList_New(0);
    if (found && !find_code_sites(found, marks.buf, marks.len))
        Py_CLEAR(found);
    PyBuffer_Release(&marks);
    return found;
}

static PyMethodDef survey_functions[] = {
    {"walk", walk, METH_VARARGS, NULL},
    {"code_sites", code_sites, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef survey_module = {
    PyModuleDef_HEAD_INIT, "replay.engines._survey", "See replay.engines.survey.", -1,
    survey_functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__survey(void)
{
    return PyModule_Create(&survey_module);
}
