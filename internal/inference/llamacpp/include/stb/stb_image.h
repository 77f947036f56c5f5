/* Stand-in for stb_image: the product decodes images in Go (bounded, in a sandboxed child), so the
 * engine's own C decoder must never see a byte. Every call answers "not supported". */
#ifndef GUARDHOUSE_STB_IMAGE_H
#define GUARDHOUSE_STB_IMAGE_H

static inline unsigned char * stbi_load_from_memory(const unsigned char * buffer, int len, int * x, int * y,
                                                    int * channels_in_file, int desired_channels) {
    (void) buffer; (void) len; (void) desired_channels;
    *x = 0;
    *y = 0;
    *channels_in_file = 0;
    return 0;
}

static inline void stbi_image_free(void * image) { (void) image; }

#endif
