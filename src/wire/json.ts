// The values that may cross the wall: what JSON can say, and nothing else.
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
