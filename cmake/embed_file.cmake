# hamper_embed(TARGET NAME FILE): FILE as bytes inside TARGET, so that the binary needs no files
# beside it. C sees them as
#     extern const unsigned char hp_embed_NAME[];
#     extern const size_t hp_embed_NAME_size;      without the zero that follows the bytes
function(hamper_embed target name file)
    if(NOT TARGET ${target})
        return()
    endif()
    set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],)" "\\1\n" bytes "${bytes}")
    set(output ${CMAKE_BINARY_DIR}/embed/${name}.c)
    file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"#include <stddef.h>
extern const unsigned char hp_embed_@name@[];
extern const size_t hp_embed_@name@_size;
const unsigned char hp_embed_@name@[] = {
@bytes@0};
const size_t hp_embed_@name@_size = sizeof(hp_embed_@name@) - 1;
")
    target_sources(${target} PRIVATE ${output})
endfunction()
