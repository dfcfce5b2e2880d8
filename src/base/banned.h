/*
 * base/banned.h - functions that are easy to misuse do not compile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HP_BASE_BANNED_H
#define HP_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HP_BANNED(name) sorry_##name##_is_a_banned_function
#undef strcpy
#define strcpy(...) HP_BANNED(strcpy)
#undef strcat
#define strcat(...) HP_BANNED(strcat)
#undef strncpy
#define strncpy(...) HP_BANNED(strncpy)
#undef strncat
#define strncat(...) HP_BANNED(strncat)
#undef sprintf
#define sprintf(...) HP_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) HP_BANNED(vsprintf)
#undef gets
#define gets(...) HP_BANNED(gets)
#undef strtok
#define strtok(...) HP_BANNED(strtok)
#undef atoi
#define atoi(...) HP_BANNED(atoi)
#undef atol
#define atol(...) HP_BANNED(atol)
#undef atoll
#define atoll(...) HP_BANNED(atoll)
#undef atof
#define atof(...) HP_BANNED(atof)
#undef rand
#define rand(...) HP_BANNED(rand)
#undef srand
#define srand(...) HP_BANNED(srand)
#undef localtime
#define localtime(...) HP_BANNED(localtime)
#undef gmtime
#define gmtime(...) HP_BANNED(gmtime)
#undef ctime
#define ctime(...) HP_BANNED(ctime)
#undef asctime
#define asctime(...) HP_BANNED(asctime)

#endif
