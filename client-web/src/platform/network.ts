/** Whether the browser has a connection at all. It may have one and still not reach the server. */
export interface Network {
  isOnline(): boolean;
  /** Returns the function that ends the subscription. */
  onChange(listener: () => void): () => void;
}

export function createNetwork(window: Window): Network {
  return {
    isOnline: () => window.navigator.onLine,
    onChange(listener) {
      window.addEventListener('online', listener);
      window.addEventListener('offline', listener);
      return () => {
        window.removeEventListener('online', listener);
        window.removeEventListener('offline', listener);
      };
    },
  };
}
