# Texts of schemas/ as arrays of bytes in C.
#
# Included: hamper_embed_schemas(TARGET) adds the generated source to TARGET.
# Run as a script (cmake -DFOLDER=… -DOUTPUT=… -P embed.cmake): writes that source.
if(CMAKE_SCRIPT_MODE_FILE)
    file(GLOB schemas ${FOLDER}/*.avsc)
    list(SORT schemas)
    set(text "/* Generated from schemas/ by cmake/embed.cmake. */\n#include \"codec/embedded.h\"\n\n")
    set(table "")
    set(count 0)
    foreach(schema ${schemas})
        get_filename_component(name ${schema} NAME_WE)
        file(READ ${schema} bytes HEX)
        string(LENGTH "${bytes}" digits)
        math(EXPR size "${digits} / 2")
        string(REGEX REPLACE "(................................)" "\\1\n    " bytes "${bytes}")
        string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
        string(APPEND text "static const unsigned char schema_${name}[] = {\n    ${bytes}\n};\n\n")
        string(APPEND table "    {\"${name}\", schema_${name}, ${size}},\n")
        math(EXPR count "${count} + 1")
    endforeach()
    string(APPEND text "const struct hp_embedded hp_embedded_schemas[] = {\n${table}};\n")
    string(APPEND text "const size_t hp_embedded_schema_count = ${count};\n")
    file(WRITE ${OUTPUT} "${text}")
    return()
endif()

function(hamper_embed_schemas target)
    file(GLOB schemas CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schemas/*.avsc)
    set(output ${CMAKE_BINARY_DIR}/embedded_schemas.c)
    add_custom_command(OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -DFOLDER=${CMAKE_SOURCE_DIR}/schemas -DOUTPUT=${output}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${schemas} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        COMMENT "Embedding schemas")
    target_sources(${target} PRIVATE ${output})
endfunction()
