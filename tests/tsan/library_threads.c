// SPDX-License-Identifier: Apache-2.0
// Shows ThreadSanitizer the threads and locks of librdkafka, which is not instrumented. Linked into
// every program of the tsan build; a program's definitions come before those of libc and libtsan.
//
// librdkafka creates threads and takes mutexes with C11's functions, and the sanitizer knows only
// those of POSIX: a thread that thrd_create made has no state in it, so that the first call there
// that it intercepts ends the process. Its read-write locks are POSIX's, but suppressions.txt
// leaves out what the library calls itself; calls from here are seen. glibc's C11 types are the
// POSIX ones.
//
// Only what orders memory is here. Making and destroying locks stays with libc, unseen: the library
// tells by counters of references, which the sanitizer cannot see, when a lock may go.
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "a mtx_t is a POSIX mutex");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "a cnd_t is a POSIX condition");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "a thrd_t is a POSIX thread");

int __interceptor_pthread_rwlock_rdlock(pthread_rwlock_t* lock);
int __interceptor_pthread_rwlock_wrlock(pthread_rwlock_t* lock);
int __interceptor_pthread_rwlock_unlock(pthread_rwlock_t* lock);

static int answer_of(int error) {
  switch (error) {
    case 0:
      return thrd_success;
    case EBUSY:
      return thrd_busy;
    case ENOMEM:
      return thrd_nomem;
    case ETIMEDOUT:
      return thrd_timedout;
    default:
      return thrd_error;
  }
}

struct start {
  thrd_start_t run;
  void* argument;
};

static void* run_and_free(void* given) {
  const struct start start = *(struct start*)given;
  free(given);
  return (void*)(intptr_t)start.run(start.argument);
}

int thrd_create(thrd_t* thread, thrd_start_t run, void* argument) {
  struct start* start = malloc(sizeof *start);
  if (start == NULL) return thrd_nomem;
  *start = (struct start){run, argument};
  const int error = pthread_create(thread, NULL, run_and_free, start);
  if (error != 0) free(start);
  return answer_of(error);
}

int thrd_join(thrd_t thread, int* result) {
  void* end = NULL;
  const int error = pthread_join(thread, &end);
  if (error == 0 && result != NULL) *result = (int)(intptr_t)end;
  return answer_of(error);
}

int mtx_lock(mtx_t* mutex) { return answer_of(pthread_mutex_lock((pthread_mutex_t*)mutex)); }

int mtx_trylock(mtx_t* mutex) { return answer_of(pthread_mutex_trylock((pthread_mutex_t*)mutex)); }

int mtx_unlock(mtx_t* mutex) { return answer_of(pthread_mutex_unlock((pthread_mutex_t*)mutex)); }

int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return answer_of(pthread_cond_wait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex));
}

int cnd_timedwait(cnd_t* restrict condition, mtx_t* restrict mutex,
                  const struct timespec* restrict until) {
  return answer_of(
      pthread_cond_timedwait((pthread_cond_t*)condition, (pthread_mutex_t*)mutex, until));
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  return __interceptor_pthread_rwlock_rdlock(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  return __interceptor_pthread_rwlock_wrlock(lock);
}

int pthread_rwlock_unlock(pthread_rwlock_t* lock) {
  return __interceptor_pthread_rwlock_unlock(lock);
}
