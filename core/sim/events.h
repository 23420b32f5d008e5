/* events.h - what the agenda of a run may hold.
 * SPDX-License-Identifier: MIT */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

typedef enum sim_what {
  SIM_DO_START,    /* who: index of a call                                    */
  SIM_DO_CANCEL,   /* likewise                                                */
  SIM_DO_HOLD,     /* likewise                                                */
  SIM_DO_LET_GO,   /* likewise                                                */
  SIM_DO_NOMEM,    /* likewise                                                */
  SIM_DO_READ,     /* the program takes events                                */
  SIM_DO_PAUSE,    /* the program stands still                                */
  SIM_DO_FREE,     /* the client is freed                                     */
  SIM_DO_RIVAL,    /* the other process has a turn                            */
  SIM_DO_EXCHANGE, /* who: index in the pool; id: of the wire: the next piece */
} sim_what;

#endif
