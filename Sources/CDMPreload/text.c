// Texts with a length and rooms with an end. Nothing of the C library's that depends on a locale, on a
// NUL, or on much stack.
#include "preload.h"

bool is_text(struct text text, const char *word)
{
    return take(&text, word) && text.left == 0;
}

bool take(struct text *text, const char *word)
{
    size_t length = strlen(word);
    if (text->left < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    text->left -= length;
    return true;
}

bool take_number(struct text *text, unsigned *number)
{
    struct text rest = *text;
    uint64_t value = 0;
    char byte;
    for (; rest.left > 0 && (byte = *rest.at) >= '0' && byte <= '9'; rest.at++, rest.left--) {
        value = value * 10 + (uint64_t)(byte - '0');
        if (value > UINT32_MAX)
            return false;
    }
    if (rest.at == text->at)
        return false;
    *text = rest;
    *number = (unsigned)value;
    return true;
}

struct text take_until(struct text *text, char end)
{
    const char *found = memchr(text->at, end, text->left);
    struct text part = {text->at, found ? (size_t)(found - text->at) : text->left};
    size_t whole = part.left + (found != NULL);
    text->at += whole;
    text->left -= whole;
    return part;
}

void take_any(struct text *text, const char *bytes)
{
    char byte;
    while (text->left > 0 && (byte = *text->at) != 0 && strchr(bytes, byte)) {
        text->at++;
        text->left--;
    }
}

void put(struct writer *writer, const char *bytes, size_t size)
{
    if (writer->is_full || size > (size_t)(writer->end - writer->at)) {
        writer->is_full = true;
        return;
    }
    memcpy(writer->at, bytes, size);
    writer->at += size;
}

void put_word(struct writer *writer, const char *word) { put(writer, word, strlen(word)); }

void put_number(struct writer *writer, uint64_t number)
{
    char digits[20], *first = digits + sizeof digits;
    do
        *--first = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    put(writer, first, (size_t)(digits + sizeof digits - first));
}
