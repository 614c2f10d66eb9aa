// The one function of fs-native-extensions that is used here; the package has no types.
declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on the open file without waiting (an OFD lock on Linux). False if somebody else holds one. */
  export function tryLock(descriptor: number): boolean
}
