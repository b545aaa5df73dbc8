/** Hands a file to the browser to be saved under the given name. */
export function saveBlob(blob: Blob, name: string): void {
  // The type decides what a browser does with it; as bytes it is only ever saved.
  const url = URL.createObjectURL(new Blob([blob], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name || 'file';
  link.click();
  // The download has its own hold on the data once it has begun.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
