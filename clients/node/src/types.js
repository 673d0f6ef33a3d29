// The media types that mean something to both ends.

export const JSON_TYPE = 'application/json';
export const MSGPACK_TYPE = 'application/msgpack';
export const OCTETS_TYPE = 'application/octet-stream';
export const TEXT_TYPE = 'text/plain';
