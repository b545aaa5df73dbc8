import sharp from 'sharp';

/** A photograph of nothing in particular, as a file for an upload field. */
export async function picture(name: string, width: number, height: number) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="#1b6f91"/><stop offset="1" stop-color="#f2c078"/></linearGradient></defs>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    <circle cx="72%" cy="34%" r="${height / 8}" fill="#fff4d6"/>
    <path d="M0 ${height} L${width * 0.3} ${height * 0.5} L${width * 0.5} ${height * 0.8} L${width * 0.7} ${height * 0.45} L${width} ${height} Z" fill="#20435c"/>
  </svg>`;
  return { name, mimeType: 'image/png', buffer: await sharp(Buffer.from(svg)).png().toBuffer() };
}
