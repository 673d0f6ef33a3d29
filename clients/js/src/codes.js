// Codes of a close that mean something to a client.

/** The server: another connection goes on with the session. */
export const TAKEN_OVER = 4001;
/** The server: there is no valid token, or its time is over. */
export const UNAUTHORIZED = 4401;
/** This client: nobody will come back for the session. */
export const FINISHED = 4000;
/** This client: the session waits. */
export const LEFT = 1000;
/** Nobody said anything: the connection broke, or there was none. */
export const BROKEN = 1006;
