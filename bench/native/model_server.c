/* A mock model server that costs next to nothing: ready-made answers, each piece of a stream written by itself.

   model_server PORT WHOLE STREAMED

   Both files hold pieces: a length in four bytes, the lowest first, and as many bytes. What they say goes to the client
   as it stands, so that it has to be a whole HTTP/1.1 answer. Requests with "stream": true get the second. */
#include "wire.h"

static void give(int fd, const Buffer *answer) {
    for (size_t at = 0; at < answer->length;) {
        uint32_t length;
        memcpy(&length, answer->bytes + at, 4);
        at += 4;
        for (size_t end = at + length; at < end;) {
            ssize_t sent = send(fd, answer->bytes + at, end - at, MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) return;
            if (sent > 0) at += (size_t)sent;
        }
    }
}

static int wants_stream(const Buffer *held, size_t length) {
    char *found = memmem(held->bytes, length, "\"stream\":", 9);
    return found && !strncmp(found + 9 + (found[9] == ' '), "true", 4);
}

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "model_server PORT WHOLE STREAMED\n"), 2;
    Buffer answers[2] = {read_file(words[2]), read_file(words[3])};
    static Buffer held[65536];
    struct sockaddr_in place = loopback(words[1]);
    int one = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listening, (void *)&place, sizeof place) || listen(listening, 4096)) die("listen");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int found = epoll_wait(poll, ready, 256, -1);
        for (int k = 0; k < found; k++) {
            int fd = ready[k].data.fd;
            if (fd == listening) {
                while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event.data.fd = fd;
                    held[fd].length = 0;
                    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
                }
                continue;
            }
            ssize_t got = take(fd, &held[fd]);
            if (got == 0 || (got < 0 && errno != EAGAIN)) {
                close(fd);
                continue;
            }
            size_t length = whole(&held[fd]);
            if (!length) continue;
            give(fd, &answers[wants_stream(&held[fd], length)]);
            held[fd].length = 0; /* Nobody here sends a request before the answer to the one before. */
        }
    }
}
