import { decode, isBlurhashValid } from 'blurhash';
import { useLayoutEffect, useRef } from 'react';
import styles from './Blurhash.module.css';

const SIDE = 32;

/** A blurred stand-in that fills its container while the picture loads. */
export function Blurhash({ hash }: { hash: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const isValid = isBlurhashValid(hash).result;
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || !isValid) return;
    const image = context.createImageData(SIDE, SIDE);
    image.data.set(decode(hash, SIDE, SIDE));
    context.putImageData(image, 0, 0);
  }, [hash, isValid]);
  return isValid ? <canvas ref={canvas} width={SIDE} height={SIDE} className={styles.canvas} aria-hidden /> : null;
}
