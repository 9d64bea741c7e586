/* Sends requests at fixed times, whether or not earlier ones were answered, and times each from when it was due.

   open_loop PORT CONNECTIONS RATE SECONDS REQUEST

   A request goes over the connection that has been idle for longest; where none is, it waits, and that is part of its
   delay. Prints one line a request: microseconds to the first byte of the answer and to the last. Any answer but 200, and
   any that has not come a second after the end, ends it with an error. */
#include "wire.h"

typedef struct {
    int fd;
    Buffer held;
    double due_s, first_s;
} Connection;

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int count, char **words) {
    if (count != 6) return fprintf(stderr, "open_loop PORT CONNECTIONS RATE SECONDS REQUEST\n"), 2;
    int most = atoi(words[2]), poll = epoll_create1(0), one = 1;
    double rate = atof(words[3]), seconds = atof(words[4]);
    Buffer request = read_file(words[5]);
    struct sockaddr_in place = loopback(words[1]);
    Connection *all = calloc((size_t)most, sizeof *all);
    int *idle = calloc((size_t)most, sizeof *idle), taken = 0, given = 0; /* A ring of idle connections. */
    for (int k = 0; k < most; k++) {
        int fd = all[k].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (void *)&place, sizeof place)) die("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)k};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        idle[given++ % most] = k;
    }
    long all_of_them = (long)(rate * seconds), sent = 0, answered = 0;
    double begun_s = now_s() + 0.01, *delays = malloc(2 * sizeof *delays * (size_t)all_of_them);
    struct epoll_event ready[256];
    while (answered < all_of_them) {
        double time_s = now_s();
        if (time_s > begun_s + seconds + 1) {
            fprintf(stderr, "%ld of %ld requests were not answered within a second\n", all_of_them - answered, all_of_them);
            return 1;
        }
        for (double due_s; taken < given && sent < all_of_them && (due_s = begun_s + (double)sent / rate) <= time_s; sent++) {
            Connection *each = &all[idle[taken++ % most]];
            each->due_s = due_s, each->first_s = 0;
            if (send(each->fd, request.bytes, request.length, MSG_NOSIGNAL) != (ssize_t)request.length) die("send");
        }
        double wait_s = sent < all_of_them && taken < given ? begun_s + (double)sent / rate - now_s() : 0.1;
        struct timespec wait = {0, wait_s > 0 ? (long)(wait_s * 1e9) : 0};
        int found = epoll_pwait2(poll, ready, 256, &wait, NULL);
        for (int k = 0; k < found; k++) {
            Connection *each = &all[ready[k].data.u32];
            if (take(each->fd, &each->held) <= 0) return fprintf(stderr, "a connection was closed\n"), 1;
            time_s = now_s();
            if (!each->first_s) each->first_s = time_s;
            if (!whole(&each->held)) continue;
            if (strncmp(each->held.bytes, "HTTP/1.1 200", 12)) return fprintf(stderr, "%.300s\n", each->held.bytes), 1;
            each->held.length = 0;
            delays[2 * answered] = (each->first_s - each->due_s) * 1e6;
            delays[2 * answered++ + 1] = (time_s - each->due_s) * 1e6;
            idle[given++ % most] = (int)ready[k].data.u32;
        }
    }
    for (long k = 0; k < all_of_them; k++) printf("%.1f %.1f\n", delays[2 * k], delays[2 * k + 1]);
    return 0;
}
